"""The command line of both backtest scripts: parse, load, run, write."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from backtest.app.cli_tools import add_tools, run_tool, wants_tool
from backtest.app.executors import executor_of
from backtest.app.intraday import read_five_minute_bars
from backtest.app.kept_runs import forget_oldest
from backtest.app.output import CHARTS, progress_bars, save, show, to_json
from backtest.app.run_folder import keep_run
from backtest.app.run_page import write_page
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.strategies import load_panel, with_feed
from backtest.app.study import Strategy, run_study
from backtest.to_json import figures
from backtest.verdict import verdict
from config.environment import PRIVATE, Environment, read_environment, secrets_in
from config.loader import FOLDER
from core.errors import EngineError, RequestError, SettingsError
from core.masking import SecretMask

EXIT_FAILED, EXIT_SETTINGS = 1, 2
RUNS = "runs"
ABOUT = {
    "pipeline": "The whole pipeline over history: the daemon's step under a clock moved by hand.",
    "quant_v8": "The ranker alone, walked forward: its top 8 in equal parts.",
}


def main(
    strategy: Strategy,
    argv: Sequence[str] | None = None,
    variables: Mapping[str, str] = os.environ,
    folder: Path = FOLDER,
) -> int:
    """Run one script under the settings in `folder`; return its exit code."""
    os.umask(PRIVATE)
    mask = SecretMask(secrets_in(variables))
    arguments = parser(strategy).parse_args(argv)
    try:
        environment = read_environment(variables)
        return run(
            strategy, arguments, with_intraday(arguments, spec_of(arguments, folder), environment), environment
        )
    except EngineError as error:
        print(f"{Path(sys.argv[0]).name}: {mask.text(str(error))}", file=sys.stderr)  # noqa: T201  # a script prints
        return EXIT_SETTINGS if isinstance(error, SettingsError | RequestError) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED


def run(strategy: Strategy, arguments: argparse.Namespace, spec: BacktestSpec, environment: Environment) -> int:
    """Do what was arguments: one of the tools, or the backtest itself."""
    if wants_tool(arguments):
        return run_tool(strategy, arguments, spec, environment, datetime.now(UTC))
    panel, source = load_panel(spec, environment, datetime.now(UTC))
    with executor_of(arguments.jobs, arguments.cluster) as executor, progress_bars() as stages:
        study = run_study(
            strategy,
            spec,
            panel,
            source,
            executor=executor,
            stages=stages,
            attribution=getattr(arguments, "attribution", False),
        )
    path = save(study.report, arguments.out)
    if arguments.json:
        sys.stdout.buffer.write(to_json(figures(study.report)) + b"\n")
    else:
        show(study.report)
        print(f"{path} and {path.with_suffix('.json').name}")  # noqa: T201  # a script prints
    sys.stdout.flush()
    usual = arguments.out == CHARTS
    kept = keep_run(study, spec, environment.state_dir / "backtests" if usual else arguments.out / RUNS)
    said = [verdict(study.report), f"kept in {kept}"]
    if arguments.html:
        said.append(f"page: {write_page(kept)}")
    if usual and (gone := forget_oldest(kept.parent, settings_of(spec).trading.backtest.kept_max, kept)):
        said.append(f"deleted, the oldest beyond backtest.kept_max: {', '.join(gone)}")
    print("\n".join(said), file=sys.stderr)  # noqa: T201  # beside the figures, which stay as they are
    return 0


def spec_of(arguments: argparse.Namespace, folder: Path) -> BacktestSpec:
    """Turn the command line into a specification; what a script has no argument for keeps its default."""
    names = {field.name for field in fields(BacktestSpec)} - {"intraday"}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    return BacktestSpec(**given | {"folder": folder, "changes": dict(arguments.changes)})


def with_intraday(arguments: argparse.Namespace, spec: BacktestSpec, environment: Environment) -> BacktestSpec:
    """Return the specification with the five-minute bars of --intraday."""
    if getattr(arguments, "intraday", None) is None:
        return spec
    daily = with_feed(environment, spec.feed, spec.folder).parquet_path
    return replace(
        spec, intraday=read_five_minute_bars(arguments.intraday, daily, settings_of(spec).trading.stocks)
    )


def parser(strategy: Strategy) -> argparse.ArgumentParser:
    """Return the command line's parser."""
    wanted = argparse.ArgumentParser(description=ABOUT[strategy])
    add = wanted.add_argument
    add("--start", type=_day, help="first session, ISO; default 2019-01-02 or the earliest there is")
    add("--end", type=_day, help="last session, ISO; default the last there is")
    add("--feed", default="", help="as DATA_PROVIDER: parquet:PATH, yfinance, alpaca, simulated, auto")
    add(
        "--profile",
        default="",
        help="a name in config/profiles; default as trading.json has it",
    )
    add("--seed", type=_at_least(0), help="of the models and of what the report draws; default the settings'")
    add(
        "--set",
        dest="changes",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting for this run alone, e.g. trading.broker.slippage_bps=10; may be repeated",
    )
    add("--json", action="store_true", help="print the figures as JSON")
    add(
        "--jobs",
        type=_at_least(1),
        default=1,
        help="processes that train and rerun; the results do not depend on it",
    )
    add("--cluster", default="", help="tcp://HOST:PORT of a dask scheduler instead")
    add("--books", type=_at_least(200), default=1000, help="random books to place the result among, at least 200")
    add(
        "--unseen-after",
        type=_day,
        help="last day seen when the settings were chosen; default as the profile says",
    )
    add("--trials", type=_at_least(1), help="variants looked at; default the count in config/trials.json")
    add(
        "--retrain-sessions",
        type=_at_least(1),
        default=BacktestSpec().retrain_sessions,
        help="sessions between two trainings of the ranker; default 21",
    )
    add("--out", type=Path, default=CHARTS, help="folder of the chart and its JSON; runs are kept in its runs")
    add("--html", action="store_true", help="also write the run as one page without outside files")
    add_tools(wanted)
    _add_own(wanted, strategy)
    return wanted


def _add_own(wanted: argparse.ArgumentParser, strategy: Strategy) -> None:
    """Add what only one of the scripts has."""
    add = wanted.add_argument
    if strategy == "quant_v8":
        add(
            "--rebalance-sessions",
            type=_at_least(1),
            default=BacktestSpec().rebalance_sessions,
            help="sessions between two rebalances of the portfolio; default 21",
        )
    if strategy == "pipeline":
        add(
            "--intraday",
            type=Path,
            metavar="PATH",
            help="parquet of 5-minute bars: the daemon's timetable",
        )
        add("--attribution", action="store_true", help="run again without each agent and each exit rule")


def _day(text: str) -> date:
    """Read a day; one that the calendar does not have is told with the month's last one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    found = re.fullmatch("([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    year, month = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (1 <= month <= 12 and year >= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a day; write it as 2024-09-30 (year, month, day)")
    last = date(year, month, monthrange(year, month)[1])
    raise argparse.ArgumentTypeError(f"there is no day {text}: {last:%B %Y} ends on {last}")


def _setting(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE; the value is JSON, else a word."""
    name, given, value = text.partition("=")
    if not (name and given):
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _at_least(smallest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or int(text) < smallest:  # isdigit() takes ² for one
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of {smallest} or more")
        return int(text)

    return number
