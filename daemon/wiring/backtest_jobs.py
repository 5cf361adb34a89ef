"""The daemon's backtests: in a child process, on the bars that the daemon has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DataError, RequestError, SettingsError
from core.long_jobs import Job
from core.plain_words import plain_reason
from core.types import BarPanel

if TYPE_CHECKING:
    from backtest.app.settings import BacktestSpec
    from daemon.child_jobs import JobRunner, ReportProgress
    from pipeline.engine import Engine

BACKTEST, SCAN = "backtest", "scan_backtest"
RUNS = "backtests"
"""The folder of STATE_DIR that keeps them; the scripts keep theirs there too."""
STAGES = {
    "fit rankers": (0.0, 0.75),
    "trade": (0.75, 0.95),
    "measure": (0.95, 0.97),
    "switch parts off": (0.97, 1.0),
}


class BacktestService:
    """Starts backtests for the daemon; one of a kind at a time.

    Parameters
    ----------
    folder, runs : Path
        Where the settings are, and where runs are kept.
    """

    def __init__(self, folder: Path, runs: Path) -> None:
        self._folder = folder
        self._runs = runs

    def start_backtest(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start a walk-forward backtest of the pipeline or of the ranker alone.

        Parameters
        ----------
        parameters : mapping
            `strategy`, `start`, `end`, `profile`, `seed`, `books` and `attribution`, each optional.

        Raises
        ------
        RequestError
            409 when one runs already; 422 for a span that the bars do not cover; 503 when there are no bars.
        """
        bars, source = _bars(engine)
        spec = _spec(self._folder, bars, parameters)
        strategy, attribution = parameters.get("strategy") or "pipeline", bool(parameters.get("attribution"))
        return runner.start(BACKTEST, backtest, (bars, source, spec, strategy, attribution, self._runs), dict)

    def start_scan(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start a backtest of the scanner; `start`, `end`, `profile` and `seed` are optional."""
        bars, source = _bars(engine)
        return runner.start(SCAN, scan, (bars, source, _spec(self._folder, bars, parameters)), dict)


def backtest(
    progress: ReportProgress,
    bars: BarPanel,
    source: str,
    spec: BacktestSpec,
    strategy: str,
    attribution: bool,
    runs: Path,
) -> Mapping[str, Any]:
    """Run a backtest and keep it; return its figures without the curves. Runs in the child process."""
    from backtest.app.kept_runs import forget_oldest  # noqa: PLC0415  # with the first backtest
    from backtest.app.run_folder import keep_run  # noqa: PLC0415  # with the first backtest
    from backtest.app.run_page import write_page  # noqa: PLC0415  # with the first backtest
    from backtest.app.settings import settings_of  # noqa: PLC0415  # heavy: at first use
    from backtest.app.study import run_study  # noqa: PLC0415  # heavy: imported at first use
    from backtest.to_json import figures  # noqa: PLC0415  # with the first backtest

    def stages(stage: str, done: int, of: int) -> None:
        first, last = STAGES[stage]
        if not _worth_reporting(done, of):
            return
        progress(first + (last - first) * done / of, f"{stage}: {done} of {of}")

    study = run_study(
        "quant_v8" if strategy == "quant_v8" else "pipeline",
        spec,
        bars,
        source,
        stages=stages,
        attribution=attribution,
    )
    try:
        kept = keep_run(study, spec, runs)
        write_page(kept)
        gone = forget_oldest(runs, settings_of(spec).trading.backtest.kept_max, kept)
    except (DataError, OSError) as error:  # a full disk costs the run's folder, not its figures
        return {**figures(study.report), "run": "", "run_fault": f"The run was not kept: {plain_reason(error)}"}
    return {**figures(study.report), "run": kept.name, "deleted": gone}


def scan(progress: ReportProgress, bars: BarPanel, source: str, spec: BacktestSpec) -> Mapping[str, Any]:
    """Run the scanner's backtest; return its figures. Runs in the child process."""
    from backtest.app.scan_study import scan_backtest  # noqa: PLC0415  # heavy: imported at first use
    from backtest.to_json import figures  # noqa: PLC0415  # with the first backtest

    def report(done: int, of: int) -> None:
        if _worth_reporting(done, of):
            progress(done / of, f"scan: {done} of {of}")

    return figures(scan_backtest(spec, bars, source, report))


def _worth_reporting(done: int, of: int) -> bool:
    """Return whether a step is one of at most a hundred of its stage that are reported: each is an event."""
    return done == of or done % max(1, of // 100) == 0


def _bars(engine: Engine) -> tuple[BarPanel, str]:
    view = engine.last_view
    if view is None or view.row < 0:
        raise RequestError("There are no bars to go back over yet.", hint="See the feed in /status.", status=503)
    return view.bars, view.source


def _spec(folder: Path, bars: BarPanel, parameters: Mapping[str, Any]) -> BacktestSpec:
    from backtest.app.settings import BacktestSpec  # noqa: PLC0415  # heavy: at first use
    from backtest.app.strategies import decision_rows  # noqa: PLC0415  # heavy: at first use

    given = {name: parameters[name] for name in ("seed", "books", "profile") if parameters.get(name) is not None}
    spec = BacktestSpec(
        start=_day(parameters.get("start")), end=_day(parameters.get("end")), folder=folder, **given
    )
    try:
        decision_rows(spec, bars)
    except SettingsError as error:  # a profile that there is not
        raise RequestError(error.message, hint=error.hint, status=422) from error
    return spec


def _day(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
