"""The report of a backtest: every figure once, as plain data; the table, the chart and the JSON all read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analysis.curves import MonthlyReturns, monthly_returns
from analysis.overfitting import Overfitting
from analysis.random_books import RandomBooks
from analysis.ranking import YearOfRanking, ranking_by_year
from analysis.trades import round_trips
from backtest.attribution import Contribution
from backtest.comparison import Ranking, comparison_of
from backtest.market import Market, Null
from backtest.phases import spread_of
from backtest.runner import Run
from backtest.spans import EVERYTHING_SEEN, SeenSpan, windows_of
from backtest.to_json import JSON_NAME
from backtest.trading import Traded, describe, unproven
from backtest.universe_coverage import HINDSIGHT, UniverseCoverage
from backtest.windows import Trials, Window, measure_window
from core.market import Floats

TOTAL_RETURN = (
    "Bars are total return: dividends are in the prices, and no cash is paid. Cash earns the bill rate in every "
    "book alike, and Sharpe ratios, alpha and beta are over it."
)
HIGH_VOLATILITY = "high_vol"
FAN = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayCoverage:
    """The sessions and tickers that were traded by the daemon's timetable; all others at the close.

    Attributes
    ----------
    file : str
        Name of the file the bars came from.
    checks, decisions : int
        Risk checks and decisions within the days.
    tickers : mapping of str to int
        In how many sessions each was checked on them.
    sessions : tuple of str
        ISO dates.
    """

    file: str
    checks: int
    decisions: int
    tickers: Mapping[str, int]
    sessions: tuple[str, ...]

    @property
    def description(self) -> str:
        """The same in a sentence."""
        if not self.sessions:
            return f"The 5-minute bars of {self.file} have no session of this span: stops and targets are daily."
        return (
            f"The daemon's timetable was walked on the 5-minute bars of {', '.join(self.tickers)} in "
            f"{len(self.sessions)} sessions from {self.sessions[0]} to {self.sessions[-1]} ({self.file}, "
            f"{self.decisions:,} decisions and {self.checks:,} checks); elsewhere it was decided at the close, "
            "and stops and targets were held against the daily bar, the stop first."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was run.

    Attributes
    ----------
    strategy : str
        `pipeline` or `quant_v8`.
    title : str
        In words.
    cost_bps : float
        Spread, slippage and fees of a one-way trade in basis points; the equal-weight benchmarks pay the same.
    resume_after_sessions : int
        How long the modelled operator leaves a tripped breaker alone.
    models : int
        Rankers trained by this walk-forward; no stored one is ever used.
    config_digest : str
        SHA-256 of the settings in force.
    seen : SeenSpan
        The sessions that were looked at when the settings were chosen, as the profile declares.
    caveats : tuple of str
        The profile's own caveats.
    universe : UniverseCoverage or None
        Whose stocks, and how many of their days have bars.
    intraday_coverage : IntradayCoverage or None
        What the risk check ran on five-minute bars; `walked` in the JSON, as it always was.
    """

    strategy: str
    title: str
    profile: str
    source: str
    seed: int
    cost_bps: float
    resume_after_sessions: int
    models: int
    config_digest: str
    seen: SeenSpan = EVERYTHING_SEEN
    caveats: tuple[str, ...] = ()
    universe: UniverseCoverage | None = None
    intraday_coverage: IntradayCoverage | None = field(default=None, metadata={JSON_NAME: "walked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """How often the ranker's probability passed the candidate threshold."""

    threshold: float
    passed: int
    predictions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of a backtest's figures.

    Attributes
    ----------
    warnings : tuple of str
        What the simulation never did: read before any figure.
    caveats : tuple of str
        What the figures mean.
    null : str
        The random books, in words.
    windows : tuple of Window
        The whole span first.
    ranking_by_year : tuple of YearOfRanking
    overfitting : Overfitting or None
        Where several variants were run over the same sessions.
    attribution : tuple of Contribution
        Where agents and exit rules were switched off one by one.
    months : MonthlyReturns
    sessions : tuple of str
        ISO dates of the curves.
    curves : mapping of str to tuple of float
        The strategy first, then the benchmarks, each from 1.
    high_volatility : tuple of bool
        Sessions in the high-volatility regime.
    fan : mapping of str to tuple of float
        Quantiles of the random books' curves in equal parts, each from 1, by name.
    exposure : tuple of float
        Market value over equity at each close.
    """

    about: About
    warnings: tuple[str, ...]
    caveats: tuple[str, ...]
    null: str
    windows: tuple[Window, ...]
    traded: Traded
    ranking_by_year: tuple[YearOfRanking, ...]
    candidates: Candidates
    months: MonthlyReturns
    overfitting: Overfitting | None = None
    attribution: tuple[Contribution, ...] = ()
    sessions: tuple[str, ...] = ()
    curves: Mapping[str, tuple[float, ...]]
    high_volatility: tuple[bool, ...] = ()
    fan: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    exposure: tuple[float, ...] = ()


def make_report(
    about: About,
    run: Run,
    market: Market,
    ranking: Ranking,
    null: Null,
    trials: Trials,
    *,
    slippage_bps: float,
    orders: Mapping[str, int],
    high_volatility: NDArray[np.bool_],
) -> Report:
    """Measure a run.

    Parameters
    ----------
    market : Market
        Of the same sessions: the run's first session is the one before `market.first`.
    null : Null
        The random books, to be drawn here.
    slippage_bps : float
        Spread and slippage inside the fill prices, one way.
    orders : mapping of str to int
        How many ended in each status.
    high_volatility : ndarray of bool, shape (T,)
        What the chart shades.
    """
    comparison = comparison_of(run, market, ranking, null, slippage_bps=slippage_bps)
    traded = describe(run, round_trips(run.fills), orders)
    return Report(
        about=about,
        warnings=tuple(unproven(run, traded)),
        caveats=tuple(_caveats(about, run)),
        null=null.description,
        windows=tuple(
            measure_window(comparison, rows, trials, null.seed) for rows in windows_of(run.sessions, about.seen)
        ),
        traded=traded,
        ranking_by_year=ranking_by_year(ranking.margin[1:], ranking.forward[1:], run.sessions[1:]),
        candidates=_candidates(ranking),
        months=monthly_returns(comparison.equity, run.sessions),
        sessions=tuple(str(day) for day in run.sessions),
        curves={
            "strategy": tuple((comparison.equity / comparison.equity[0]).tolist()),
            **{name: tuple(curve.tolist()) for name, curve in comparison.curves.items()},
        },
        high_volatility=tuple(high_volatility.tolist()),
        fan=fan_of(comparison.books),
        exposure=tuple(run.exposure.tolist()),
    )


def fan_of(books: RandomBooks) -> Mapping[str, tuple[float, ...]]:
    """Return quantiles of the books' curves, each from 1, session by session."""
    curves = np.cumprod(1.0 + books.returns, axis=1)
    cuts = np.quantile(curves, list(FAN.values()), axis=0)
    return {name: (1.0, *cut.tolist()) for name, cut in zip(FAN, cuts, strict=True)}


def with_phases(report: Report, run: Run, market: Market, returns: Floats) -> Report:
    """Add what the same portfolio made when it was rebalanced on other days, returns (phases, T - 1)."""
    rows = {window.name: window for window in windows_of(run.sessions, report.about.seen)}
    bills = market.bills[market.first :]
    windows = (replace(w, phases=spread_of(returns, bills, rows[w.name])) for w in report.windows)
    return replace(report, windows=tuple(windows))


def _candidates(ranking: Ranking) -> Candidates:
    known = ranking.probability[np.isfinite(ranking.probability)]
    passed = int((known > ranking.threshold).sum())
    return Candidates(threshold=ranking.threshold, passed=passed, predictions=len(known))


def _caveats(about: About, run: Run) -> Sequence[str]:
    out = [
        about.universe.description if about.universe else HINDSIGHT,
        TOTAL_RETURN,
        *about.caveats,
        f"Decided at the close, filled at the next open, {about.cost_bps:g} bps a trade; the first decision is "
        f"at the close of {run.sessions[0]}. Walk-forward: {about.models} rankers, each used only after the day "
        "its labels end.",
    ]
    if about.intraday_coverage is not None:
        out.append(about.intraday_coverage.description)
    if run.resumed_at:
        days = ", ".join(str(day) for day in run.resumed_at)
        out.append(
            f"A breaker halted trading and a person resumed it {len(run.resumed_at)} times ({days}), modelled "
            f"as {about.resume_after_sessions} sessions later, losses measured from there."
        )
    return out
