"""Backtests, wired: the bars, the folds, and the runs. Scripts, the daemon's jobs and the tools all come here."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from adapters.calendar import FIRST_DAY, NyseCalendar
from adapters.feeds.choose import SourceRequest
from adapters.feeds.open import read_panel
from agents.build import team_for
from agents.plugins import PluginParts
from agents.registered import registered_agents, registered_strategy
from agents.top_of_universe import TopNStrategy
from backtest.app.engine import BacktestEngine, build_backtest_engine, rebuilt
from backtest.app.evidence import BacktestEvidence, earns
from backtest.app.intraday import DECIDES, IntradayBroker, intraday_schedule
from backtest.app.settings import BacktestSpec, Settings, settings_of, v8_settings_of
from backtest.progress import Progress, no_progress
from backtest.runner import Run, ScheduledStep, run
from config.environment import FOLDER, Environment, read_environment
from config.trading import QuantSettings
from core.cycles import DECIDE
from core.errors import RequestError
from core.ports import Team
from core.types import BarPanel, Cycle, Floats
from core.universe import BENCHMARK, Universe
from models.factors.store import FactorStore
from models.ranker.artefact import QuantArtefact
from models.ranker.ranker import Ranker
from models.ranker.registry import WalkForwardRankers
from models.ranker.walk_forward import fold_rows, walk_forward

USUAL_START = date(2019, 1, 2)
HISTORY_DAYS = 1900  # before the start: the regime's window of 1,000 sessions, with room
WARM_UP_SESSIONS = 252  # the slowest factor's
SESSIONS_PER_MONTH = 21
V8_NAMES = 8
V8_EXPOSURE = 0.98  # what opens above its close is paid from the rest; at 1.0 the broker rejects such buys


def load_panel(spec: BacktestSpec, environment: Environment, now: datetime) -> tuple[BarPanel, str]:
    """Load the bars that a run needs, past the quality gate, and the source's name.

    Parameters
    ----------
    now : datetime
        Where a feed without an end of its own stops.

    Raises
    ------
    core.errors.DataError
        When the feed does not answer.
    """
    trading = settings_of(spec).trading
    request = SourceRequest(
        environment=with_feed(environment, spec.feed, spec.folder),
        settings=trading.data,
        universe=trading.universe,
        calendar=NyseCalendar(),
        route_is_builtin=True,
        now=now,
        folder=spec.folder,
    )
    first = max(FIRST_DAY, (spec.start or USUAL_START) - timedelta(days=HISTORY_DAYS))
    return read_panel(request, first, spec.end)


def decision_rows(spec: BacktestSpec, panel: BarPanel) -> tuple[int, int]:
    """Return the rows of the first and the last decision.

    The first lies one session before the start, so that the start's return counts. Without a start the ranker has
    a full window from the first day; a start that is asked for may lie earlier: until its window is full the
    ranker learns from what there is, as the daemon's does.

    Raises
    ------
    RequestError
        Status 422 when the bars do not reach so far.
    """
    sessions = panel.sessions.astype("datetime64[D]")
    full, earliest = full_window_row(settings_of(spec).trading.quant), WARM_UP_SESSIONS - 1
    last = len(sessions) - 1
    if spec.end is not None:
        last = int(np.searchsorted(sessions, np.datetime64(spec.end, "D"), side="right")) - 1
    wanted = np.datetime64(spec.start or USUAL_START, "D")
    first = int(np.searchsorted(sessions, wanted)) - 1
    if spec.start is None:
        first = max(first, full)
        earliest = full
    enough = earliest + 1 < len(sessions)
    if first < earliest or last <= first:
        begins = f"The earliest start is {sessions[earliest + 1]}" if enough else "No start will do"
        raise RequestError(
            f"The bars run from {sessions[0]} to {sessions[-1]}; {spec.start or 'the default'} to "
            f"{spec.end or 'their end'} cannot be walked forward.",
            hint=f"{begins}: the ranker and its factors need {earliest + 1} sessions of a past.",
            status=422,
        )
    if not np.isfinite(panel.close[: first + 1, panel.column[BENCHMARK]]).any():
        raise RequestError(
            f"There are no bars of {BENCHMARK} before {sessions[first + 1]}, which everything is compared with.",
            hint=f"Add {BENCHMARK} to the file, or choose another feed.",
            status=422,
        )
    return first, last


def train(
    spec: BacktestSpec,
    panel: BarPanel,
    executor: Executor | None = None,
    progress: Progress = no_progress,
    quant: QuantSettings | None = None,
) -> tuple[QuantArtefact, ...]:
    """Train the rankers of a walk-forward, each on its own past; a stored artefact is never read.

    Parameters
    ----------
    quant : QuantSettings or None
        Others than the profile's.
    """
    trading = settings_of(spec).trading
    rows = fold_rows(panel, *decision_rows(spec, panel), spec.retrain_sessions)
    table = FactorStore(trading.universe.sector_etf_of).history(panel)
    return walk_forward(panel, table, quant or trading.quant, rows, executor, progress)


def run_pipeline(
    spec: BacktestSpec,
    panel: BarPanel,
    artefacts: tuple[QuantArtefact, ...],
    progress: Progress = no_progress,
    *,
    source: str = "parquet",
    settings: Settings | None = None,
) -> tuple[BacktestEngine, Run]:
    """Run the whole pipeline: the daemon's team, limits and broker, deciding at each close.

    Parameters
    ----------
    settings : Settings or None
        Others than the profile's, to switch a part off.
    """
    chosen = settings or settings_of(spec)
    factors = FactorStore(chosen.trading.universe.sector_etf_of)
    provider = WalkForwardRankers([Ranker(artefact) for artefact in artefacts])
    evidence = BacktestEvidence(spec, chosen, provider, factors) if earns(chosen.trading) else None

    def team_of(bars: BarPanel) -> Team:
        factors.prepare(bars)
        parts = PluginParts(factors=factors, trading=chosen.trading)
        if chosen.trading.strategy:
            return registered_strategy(chosen.trading, spec.folder, parts)
        others = registered_agents(chosen.trading, spec.folder, parts)
        earned, shared = (evidence.earned, evidence.shared) if evidence else (None, None)
        return team_for(chosen.trading, provider, factors, others.asked, shared=shared, evidence=earned)

    five = spec.intraday
    backtest_engine = build_backtest_engine(
        panel,
        chosen.trading,
        chosen.risk,
        team_of,
        exits=chosen.exits,
        source=source,
        quotes=five.quotes if five else None,
    )
    rows = decision_rows(spec, panel)
    if five is None:
        schedule = _each_close(panel, rows, DECIDES)
    else:
        schedule = intraday_schedule(five, panel, *rows, chosen.trading.stocks)
        broker = IntradayBroker(chosen.trading.broker, backtest_engine.clock, five)
        backtest_engine = rebuilt(backtest_engine, broker=broker)
    if evidence is not None:
        backtest_engine = evidence.beside(backtest_engine)
    return backtest_engine, _run_schedule(spec, backtest_engine, schedule, progress)


def run_v8(
    spec: BacktestSpec,
    panel: BarPanel,
    artefacts: tuple[QuantArtefact, ...],
    progress: Progress = no_progress,
    *,
    source: str = "parquet",
    settings: Settings | None = None,
) -> tuple[BacktestEngine, Run]:
    """Run the ranker alone: its top 8 in equal parts, every `rebalance_sessions`, without exit rules."""
    chosen = settings or v8_settings_of(spec)
    margin = predict(panel, artefacts, chosen.trading.universe).margin
    stocks = chosen.trading.stocks

    def team_of(bars: BarPanel) -> Team:
        del bars  # the predictions are the panel's, row by row
        return TopNStrategy(
            stocks,
            lambda view: margin[view.row],
            count=V8_NAMES,
            every_sessions=spec.rebalance_sessions,
            exposure=V8_EXPOSURE,
        )

    backtest_engine = build_backtest_engine(panel, chosen.trading, chosen.risk, team_of, source=source)
    each_close = _each_close(panel, decision_rows(spec, panel), replace(DECIDE, submits=True))
    return backtest_engine, _run_schedule(spec, backtest_engine, each_close, progress)


RUNS = {"pipeline": run_pipeline, "quant_v8": run_v8}
"""How each strategy is run."""


def run_under(
    strategy: str,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    artefacts: tuple[QuantArtefact, ...],
    settings: Settings,
) -> Run:
    """Run a strategy under these settings; in a worker process too."""
    return RUNS[strategy](spec, panel, artefacts, source=source, settings=settings)[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """What the folds say out of sample: log-odds and calibrated probabilities, (T, N), NaN where nothing."""

    margin: Floats
    probability: Floats


def predict(panel: BarPanel, artefacts: tuple[QuantArtefact, ...], universe: Universe) -> Predictions:
    """Ask each session's ranker: the newest whose labels had ended before it."""
    z = FactorStore(universe.sector_etf_of).history(panel).z
    sessions = panel.sessions.astype("datetime64[D]")
    margin, probability = np.full((2, *panel.close.shape), np.nan)
    ordered = sorted(artefacts, key=lambda artefact: artefact.labels_end)
    ends = np.array([artefact.labels_end for artefact in ordered], dtype="datetime64[D]")
    begins = [*np.searchsorted(sessions, ends, side="right").tolist(), len(sessions)]
    for artefact, first, stop in zip(ordered, begins, begins[1:], strict=False):
        if first < stop:
            ranking = Ranker(artefact).rank(np.ascontiguousarray(z[first:stop]).reshape(-1, z.shape[2]))
            margin[first:stop] = ranking.margin.reshape(stop - first, -1)
            probability[first:stop] = ranking.p_outperform.reshape(stop - first, -1)
    return Predictions(margin=margin, probability=probability)


def _each_close(panel: BarPanel, rows: tuple[int, int], cycle: Cycle) -> list[ScheduledStep]:
    first, last = rows
    return [(at, cycle) for at in panel.closed_at[first : last + 1]]


def _run_schedule(
    spec: BacktestSpec, backtest_engine: BacktestEngine, steps: list[ScheduledStep], progress: Progress
) -> Run:
    return run(
        backtest_engine.engine,
        backtest_engine.clock,
        steps,
        resume_after_sessions=spec.resume_after_sessions,
        progress=progress,
    )


def full_window_row(quant: QuantSettings) -> int:
    """Return the first row whose ranker has a full window of full factors behind it."""
    return WARM_UP_SESSIONS + quant.window_months * SESSIONS_PER_MONTH


def with_feed(environment: Environment, feed: str, folder: Path = FOLDER) -> Environment:
    """Return the environment with another DATA_PROVIDER."""
    if not feed:
        return environment
    variables = {"DATA_PROVIDER": feed}
    if environment.alpaca_key is not None and environment.alpaca_secret is not None:
        variables["ALPACA_API_KEY"] = environment.alpaca_key.get_secret_value()
        variables["ALPACA_SECRET_KEY"] = environment.alpaca_secret.get_secret_value()
    chosen = read_environment(variables, folder)
    return replace(environment, provider=chosen.provider, parquet_path=chosen.parquet_path)
