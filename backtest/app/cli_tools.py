"""What the backtest scripts do besides a backtest: search for look-ahead, decide again, sweep settings."""

from __future__ import annotations

import argparse
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis.purged_paths import PurgedPaths
from backtest.app.checks import CUTS, find_lookahead, replay_recorded
from backtest.app.executors import executor_of
from backtest.app.output import progress_bars, to_json
from backtest.app.purged_study import PurgedStudy, curves_of, ranker_paths
from backtest.app.settings import BacktestSpec
from backtest.app.strategies import load_panel, train
from backtest.app.study import Strategy
from backtest.app.sweep import Sweep, read_grid, run_sweep
from backtest.lookahead import LookaheadResult
from backtest.replay import Replay
from charts.fan_chart import draw_fan
from config.environment import Environment

FOUND_SOMETHING = 1
PATHS_FILE = {"pipeline": "backtest_pipeline_paths.png", "quant_v8": "backtest_v8_paths.png"}
SWEEP_FILE = {"pipeline": "backtest_pipeline_sweep.json", "quant_v8": "backtest_v8_sweep.json"}


def add_tools(parser: argparse.ArgumentParser) -> None:
    """Add the tools' flags, of which one can be given."""
    tools = parser.add_mutually_exclusive_group()
    tools.add_argument(
        "--check-lookahead",
        action="store_true",
        help=f"change all after each of {CUTS} sessions: does anything before change? exit code 1 if so",
    )
    tools.add_argument(
        "--replay",
        default="",
        metavar="ID",
        help="decide a decision of the daemon's ledger (STATE_DIR) again; exit code 1 if it differs",
    )
    tools.add_argument(
        "--sweep",
        type=Path,
        metavar="GRID.JSON",
        help='one backtest for each combination, e.g. {"trading.quant.max_depth": [3, 4]}',
    )
    tools.add_argument(
        "--purged-paths",
        action="store_true",
        help="the ranker alone, refitted for each of 15 purged splits: 5 paths out of sample, and their fan",
    )


def wants_tool(arguments: argparse.Namespace) -> bool:
    """Return whether a tool is wanted, and not a backtest."""
    tools = (arguments.check_lookahead, arguments.replay, arguments.sweep, arguments.purged_paths)
    return any(tools)


def run_tool(
    strategy: Strategy, arguments: argparse.Namespace, spec: BacktestSpec, environment: Environment, now: datetime
) -> int:
    """Run the tool and print its result; return the exit code."""
    if arguments.replay:
        return print_result(arguments, replay_recorded(arguments.replay, spec, environment, now))
    panel, source = load_panel(spec, environment, now)
    with executor_of(arguments.jobs, arguments.cluster) as executor, progress_bars() as stages:
        if arguments.purged_paths:
            return _paths(arguments, ranker_paths(spec, panel, partial(stages, "fit splits")))
        if arguments.sweep:
            made = run_sweep(strategy, spec, panel, source, read_grid(arguments.sweep), executor, stages)
        else:
            artefacts = train(spec, panel, executor, partial(stages, "fit rankers"))
            progress = partial(stages, "run with other futures")
            found = find_lookahead(strategy, spec, panel, source, artefacts, progress)
    return _swept(arguments, made) if arguments.sweep else print_result(arguments, found)


def print_result(arguments: argparse.Namespace, answer: LookaheadResult | Replay) -> int:
    """Print what a tool found; return the exit code."""
    if arguments.json:
        text = to_json(answer).decode()
    else:
        text = "\n".join(
            _lookahead_lines(answer) if isinstance(answer, LookaheadResult) else _replay_lines(answer)
        )
    Console(soft_wrap=True).out(text, highlight=False)
    fine = not answer.leaks if isinstance(answer, LookaheadResult) else answer.same
    return 0 if fine else FOUND_SOMETHING


def _paths(arguments: argparse.Namespace, made: PurgedStudy) -> int:
    path: Path = arguments.out / PATHS_FILE["quant_v8"]
    body = to_json(made.paths, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_bytes(body)
    title = "The ranker alone, refitted for each purged split"
    draw_fan(title, _said(made.paths), made.sessions, curves_of(made.paths), made.beside, path)
    if arguments.json:
        Console(soft_wrap=True).out(body.decode(), highlight=False)
    else:
        Console(soft_wrap=True).out(f"{_said(made.paths)}. {path}", highlight=False)
    return 0


def _said(paths: PurgedPaths) -> str:
    low, high = min(paths.sharpes), max(paths.sharpes)
    middle = sorted(paths.sharpes)[len(paths.sharpes) // 2]
    return (
        f"{len(paths.sharpes)} combinatorial purged paths ({paths.groups} groups, {paths.test_groups} tested, "
        f"{paths.purge_sessions} sessions purged): Sharpe {low:.2f} to {high:.2f}, median {middle:.2f}"
    )


def _swept(arguments: argparse.Namespace, made: Sweep) -> int:
    body = to_json(made, indent=1)
    path: Path = arguments.out / SWEEP_FILE[made.strategy]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    if arguments.json:
        Console(soft_wrap=True).out(body.decode(), highlight=False)
        return 0
    names = list(made.cells[0].change)
    table = Table(*names, "return", "Sharpe", "max drawdown", "trades")
    for cell in made.cells:
        sharpe = "flat" if cell.sharpe is None else f"{cell.sharpe:.2f}"
        figures = (f"{cell.total_return:+.1%}", sharpe, f"{cell.drawdown_max:.1%}", str(cell.trades))
        table.add_row(*(str(cell.change[name]) for name in names), *figures)
    console = Console()
    console.print(table)
    if made.overfitting:
        console.print(
            f"Probability of backtest overfitting: {made.overfitting.probability:.0%} ({len(made.cells)} cells)"
        )
    if made.paths:
        fan = path.with_name(PATHS_FILE[made.strategy])
        days = np.array([made.sessions[0], *made.sessions], dtype="datetime64[D]")
        title, curves = "Choosing the best cell on the other sessions", curves_of(made.paths)
        draw_fan(title, _said(made.paths), days, curves, {}, fan)
        console.print(f"Choosing the best cell out of sample, {_said(made.paths)}. {fan}")
    console.print(f"{path}: with every cell's daily returns")
    return 0


def _lookahead_lines(found: LookaheadResult) -> list[str]:
    what = f"{found.comparisons} ledgers ({found.bytes_compared / 1e6:.1f} MB) cut at {', '.join(found.sessions)}"
    if not found.leaks:
        return [f"No look-ahead: {what} are the same byte for byte whatever comes after."]
    out = [f"LOOK-AHEAD: {len(found.leaks)} of {what} changed with the future."]
    for leak in found.leaks:
        first = leak.difference
        out.append(f"  after {leak.session}, {leak.future}: {first.table} {first.record}, {first.field}:")
        out.append(f"    {first.before or 'nothing'} became {first.after or 'nothing'}")
    return out


def _replay_lines(done: Replay) -> list[str]:
    if done.same:
        return [f"{done.decision_id}: decided again from the same inputs, the same plan byte for byte."]
    outcome = "the same plan nevertheless" if done.same_plan else "another plan"
    out = [f"{done.decision_id}: decided again, {outcome}."]
    out += [f"  {cause}" for cause in done.causes]
    return out + ([f"  First difference: {done.first_difference}"] if done.first_difference else [])
