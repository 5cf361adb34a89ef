"""A whole backtest from bars to report: train, run, measure; the same for the scripts and the daemon's jobs."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.bill_rate import bill_returns
from backtest.app.ablation import run_ablations
from backtest.app.caveats import caveats_of
from backtest.app.engine import BacktestEngine
from backtest.app.intraday import intraday_coverage
from backtest.app.settings import (
    BacktestSpec,
    Settings,
    one_way_cost_bps,
    settings_of,
    slippage_bps,
    v8_settings_of,
)
from backtest.app.strategies import (
    RUNS,
    V8_EXPOSURE,
    V8_NAMES,
    predict,
    train,
)
from backtest.attribution import contributions, overfitting_of
from backtest.comparison import Ranking
from backtest.market import Market, Null
from backtest.phases import phase_returns
from backtest.progress import StageProgress, no_stage_progress
from backtest.report import HIGH_VOLATILITY, About, IntradayCoverage, Report, make_report, with_phases
from backtest.runner import Run
from backtest.spans import SeenSpan
from backtest.universe_coverage import coverage_of
from backtest.windows import Trials
from config.loader import digest, read_json, read_profile
from config.trading import TradingSettings
from core.errors import SettingsError
from core.plain_words import plain_reason
from core.types import BarPanel, Floats
from core.universe import BENCHMARK
from models.ranker.artefact import QuantArtefact
from models.ranker.samples import forward_returns
from models.regime.tracker import RegimeTracker

Strategy = Literal["pipeline", "quant_v8"]
TITLES = {
    "pipeline": "Whole pipeline: scan, ranker, vote, limits, exits",
    "diversified": "Whole pipeline: the least-correlated book, limits; the votes are only shown",
    "baseline": "Whole pipeline: equal weight at a volatility target, limits; the votes are only shown",
    "evidence": "Whole pipeline: the baseline and what challengers have earned, limits; the votes are only shown",
    "quant_v8": f"Quant v8 alone: the ranker's top {V8_NAMES}, equal weight, every {{sessions}} sessions",
}
FITS, TRADES, MEASURES, PARTS = "fit rankers", "trade", "measure", "switch parts off"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A backtest that was run.

    Attributes
    ----------
    backtest_engine : BacktestEngine
        The engine as it stands after the last session, and its ledger.
    """

    report: Report
    run: Run
    backtest_engine: BacktestEngine
    artefacts: tuple[QuantArtefact, ...]


def run_study(
    strategy: Strategy,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    *,
    executor: Executor | None = None,
    stages: StageProgress = no_stage_progress,
    attribution: bool = False,
    artefacts: tuple[QuantArtefact, ...] | None = None,
) -> Study:
    """Train the walk-forward, run the strategy and measure it.

    Parameters
    ----------
    stages : callable
        Called with (stage, done, of).
    attribution : bool
        Also run it again without each agent and each exit rule.
    artefacts : tuple of QuantArtefact or None
        Folds trained before on the same bars and settings; None to train them.
    """
    if artefacts is None:
        artefacts = train(spec, panel, executor, partial(stages, FITS))
    backtest_engine, run = RUNS[strategy](spec, panel, artefacts, partial(stages, TRADES), source=source)
    stages(MEASURES, 0, 1)
    report = measure(strategy, spec, panel, source, artefacts, (backtest_engine, run))
    stages(MEASURES, 1, 1)
    if attribution and strategy == "pipeline":
        progress = partial(stages, PARTS)
        ablations = run_ablations(spec, panel, source, artefacts, (backtest_engine, run), executor, progress)
        report = replace(
            report,
            attribution=contributions(run, ablations, bills_of(run, settings_of(spec).trading)),
            overfitting=overfitting_of([run, *(one.run for one in ablations)]),
        )
    return Study(report=report, run=run, backtest_engine=backtest_engine, artefacts=artefacts)


def measure(
    strategy: Strategy,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    artefacts: tuple[QuantArtefact, ...],
    ran: tuple[BacktestEngine, Run],
) -> Report:
    """Make the report of a run on a panel."""
    backtest_engine, run = ran
    chosen = settings_of(spec) if strategy == "pipeline" else v8_settings_of(spec)
    cost_bps = one_way_cost_bps(chosen.trading)
    first, last = _span(panel, run)
    seed = chosen.trading.quant.seed
    market = market_of(panel, chosen, first, last)
    ranking = ranking_of(panel, artefacts, chosen, first, last)
    report = make_report(
        About(
            strategy=strategy,
            title=TITLES[_title_of(strategy, chosen)].format(sessions=spec.rebalance_sessions),
            profile=chosen.trading.profile,
            source=source,
            seed=seed,
            cost_bps=cost_bps,
            resume_after_sessions=spec.resume_after_sessions,
            models=len(artefacts),
            config_digest=digest(chosen.trading, chosen.risk),
            seen=seen_span(spec, chosen.trading.profile),
            universe=coverage_of(chosen.trading.universe.name, chosen.trading.universe.is_dated, market),
            caveats=caveats_of(spec, chosen.trading, panel, (first, last), len(artefacts)),
            intraday_coverage=_coverage(spec, panel, chosen, first, last),
        ),
        run,
        market,
        ranking,
        _null_of(strategy, spec, chosen),
        recorded_trials(spec),
        slippage_bps=slippage_bps(chosen.trading),
        orders=backtest_engine.ledger.order_counts(),
        high_volatility=_high_volatility(panel, run, chosen, first, last),
    )
    if strategy == "pipeline":
        return report
    other = phase_returns(
        market, ranking.margin, names=V8_NAMES, every=spec.rebalance_sessions, exposure=V8_EXPOSURE
    )
    return with_phases(report, run, market, other)


def _coverage(
    spec: BacktestSpec, panel: BarPanel, settings: Settings, first: int, last: int
) -> IntradayCoverage | None:
    if spec.intraday is None:
        return None
    return intraday_coverage(spec.intraday, panel, first, last, settings.trading.stocks)


def market_of(panel: BarPanel, settings: Settings, first: int, last: int) -> Market:
    """Cut the universe and its benchmark out of a panel; the first decision lies at row `first`."""
    stocks = settings.trading.stocks
    columns = [panel.column[stock] for stock in stocks]
    return Market(
        sessions=panel.sessions[: last + 1].astype("datetime64[D]"),
        open=panel.open[: last + 1, columns],
        close=panel.close[: last + 1, columns],
        symbols=tuple(stocks),
        bills=bill_returns(
            panel.sessions[: last + 1].astype("datetime64[D]"), settings.trading.evaluation.bill_rates
        ),
        benchmark=BENCHMARK,
        benchmark_close=panel.close[: last + 1, panel.column[BENCHMARK]],
        first=first + 1,
        cost_bps=one_way_cost_bps(settings.trading),
        member=panel.member[: last + 1, columns],
    )


def ranking_of(
    panel: BarPanel, artefacts: tuple[QuantArtefact, ...], settings: Settings, first: int, last: int
) -> Ranking:
    """Return the folds' predictions at each session of a run, and the returns that followed within it."""
    quant = settings.trading.quant
    columns = [panel.column[stock] for stock in settings.trading.stocks]
    predicted, rows = predict(panel, artefacts, settings.trading.universe), slice(first, last + 1)
    return Ranking(
        margin=predicted.margin[rows, columns],
        probability=predicted.probability[rows, columns],
        forward=forward_returns(panel.close[: last + 1, columns], quant.horizon_sessions)[rows],
        threshold=quant.candidate_probability_min,
    )


def recorded_trials(spec: BacktestSpec) -> Trials:
    """Count what was looked at before: `config/trials.json`, or the count given.

    Raises
    ------
    SettingsError
        When the file is not a list of trials.
    """
    listed = read_json(spec.folder / "trials.json").get("trials", [])
    try:
        count = sum(int(trial["variants"]) for trial in listed)
        sharpes = tuple(float(trial["sharpe"]) for trial in listed if trial.get("sharpe") is not None)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"config/trials.json: {plain_reason(error)} in {listed}.",
            hint="Each trial has a name and its variants.",
        ) from error
    return Trials(count=max(1, count if spec.trials is None else spec.trials), sharpes=sharpes)


def _title_of(strategy: Strategy, settings: Settings) -> str:
    allocation = settings.trading.synthesizer.allocation
    return strategy if strategy != "pipeline" or allocation == "votes" else allocation


def bills_of(run: Run, trading: TradingSettings) -> Floats:
    """Return what cash earned in each session of a run, shape (T,)."""
    return bill_returns(run.sessions, trading.evaluation.bill_rates)


def seen_span(spec: BacktestSpec, profile: str) -> SeenSpan:
    """Return the sessions that were seen when the profile was chosen: as its file declares, or as it is asked.

    Raises
    ------
    SettingsError
        When the file declares no days.
    """
    card = read_profile(spec.folder, profile)
    try:
        first, last = (
            date.fromisoformat(card[key]) if key in card else None for key in ("unseen_before", "unseen_after")
        )
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"config/profiles/{profile}.json: unseen_before and unseen_after are ISO days."
        ) from error
    return SeenSpan(first, spec.unseen_after or last)


def _null_of(strategy: Strategy, spec: BacktestSpec, settings: Settings) -> Null:
    return Null(
        books=spec.books,
        exposure_max=_scaled_up_to(strategy, settings),
        position_max=settings.risk.position_sizing.max_position_pct,
        resize_min=settings.risk.portfolio_limits.min_resize_pct or 0.0,
        seed=settings.trading.quant.seed,
    )


def _scaled_up_to(strategy: Strategy, settings: Settings) -> float | None:
    """Return the largest exposure of a strategy that scales itself to a volatility; None where it does not."""
    votes = strategy == "quant_v8" or settings.trading.synthesizer.allocation == "votes"
    return None if votes else settings.risk.portfolio_limits.max_exposure_pct


def _span(panel: BarPanel, run: Run) -> tuple[int, int]:
    rows = np.searchsorted(panel.sessions.astype("datetime64[D]"), run.sessions[[0, -1]])
    return int(rows[0]), int(rows[1])


def _high_volatility(panel: BarPanel, run: Run, settings: Settings, first: int, last: int) -> NDArray[np.bool_]:
    """Sessions in the high-volatility regime: as the run had them, else by the same filter."""
    if any(run.regimes):
        return np.array([name == HIGH_VOLATILITY for name in run.regimes])
    tracker = RegimeTracker(settings.trading.regime)
    names = (getattr(tracker.at(panel.prefix(row + 1)), "name", "") for row in range(first, last + 1))
    return np.array([name == HIGH_VOLATILITY for name in names])
