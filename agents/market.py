"""The market agents: sector rotation, stock momentum, regime, and RSI mean reversion (legacy v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from agents.agent import centred_ranks, signals_of, why_missing
from config.trading import SectorScanSettings
from core.types import Abstention, BarPanel, Floats, MarketAnalysis, MarketView, SectorScore
from core.universe import BENCHMARK, Sector
from models.factors.store import FactorStore
from models.factors.table import FACTOR_NAMES
from models.regime.tracker import RegimeTracker

if TYPE_CHECKING:
    from agents.plugins import PluginParts

SESSIONS_PER_WEEK = 5
RSI = FACTOR_NAMES.index("rsi_14")


def period_return(bars: BarPanel, sessions: int) -> Floats:
    """Return of each symbol over the last `sessions` sessions, as a fraction; NaN where a bar is missing."""
    if len(bars.sessions) <= sessions:
        return np.full(len(bars.symbols), np.nan)
    return np.asarray(bars.close[-1] / bars.close[-1 - sessions] - 1)


class MarketAgent:
    """Ranks the sectors by momentum against the benchmark and votes each stock its sector's place."""

    name = "market"

    @classmethod
    def from_parts(cls, parts: PluginParts) -> MarketAgent:
        """Make it as a plug-in is made."""
        return cls(parts.trading.universe.sectors, parts.trading.sector_scan)

    def __init__(self, sectors: Mapping[str, Sector], settings: SectorScanSettings) -> None:
        self._sectors = sectors
        self._settings = settings

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give all sectors ranked, the hot ones' picks as candidates, and one signal a stock."""
        sectors = self.scan(view)
        if not sectors:
            reason = "the sector ETFs or the benchmark have no bars for the longest lookback"
            return MarketAnalysis(abstentions=(Abstention(agent=self.name, reason=reason),))
        picks = {pick for s in sectors for pick in s.picks}
        candidates = tuple(sorted(picks.intersection(symbols)))
        if len(sectors) == 1:
            reason = f"only {sectors[0].sector} has an ETF with bars: there is no order among sectors"
            abstained = (Abstention(agent=self.name, reason=reason),)
            return MarketAnalysis(abstentions=abstained, sectors=sectors, candidates=candidates)
        places = dict(
            zip((s.sector for s in sectors), centred_ranks(np.array([s.score for s in sectors])), strict=True)
        )
        scores = {
            stock: (float(places[s.sector]), f"{s.sector} is {s.rank} of {len(sectors)} ({s.score:+.1%} vs SPY)")
            for s in sectors
            for stock in self._sectors[s.sector].stocks
        }
        signalled = signals_of(self.name, scores, symbols, confidence=0.5, missing="its sector's ETF has no bars")
        return replace(signalled, sectors=sectors, candidates=candidates)

    def scan(self, view: MarketView) -> tuple[SectorScore, ...]:
        """Rank the sectors, best first; a sector whose ETF has no bars is left out."""
        bars, chosen = view.bars, self._settings
        excess = self._excess_returns(bars)
        weights = np.array(chosen.weights) / sum(chosen.weights)
        momentum = period_return(bars, chosen.stock_momentum_days)
        volume = bars.volume[-chosen.stock_momentum_days :].mean(axis=0) if len(bars.sessions) else momentum
        rows = []
        for name, sector in self._sectors.items():
            column = bars.column.get(sector.etf)
            if column is not None and np.isfinite(excess[:, column]).all():
                rows.append((float(weights @ excess[:, column]), name, column))
        rows.sort(key=lambda row: (-row[0], row[1]))
        return tuple(
            SectorScore(
                sector=name,
                etf=self._sectors[name].etf,
                rank=place,
                score=score,
                momentum={f"{weeks}w": float(excess[i, column]) for i, weeks in enumerate(chosen.lookback_weeks)},
                hot=place <= chosen.top_sectors,
                picks=self._picks(view, name, momentum, volume) if place <= chosen.top_sectors else (),
            )
            for place, (score, name, column) in enumerate(rows, start=1)
        )

    def _excess_returns(self, bars: BarPanel) -> Floats:
        benchmark = bars.column.get(self._settings.benchmark)
        rows = [period_return(bars, weeks * SESSIONS_PER_WEEK) for weeks in self._settings.lookback_weeks]
        table = np.array(rows)
        return table - (table[:, [benchmark]] if benchmark is not None else np.nan)

    def _picks(self, view: MarketView, sector: str, momentum: Floats, volume: Floats) -> tuple[str, ...]:
        columns = [(stock, view.bars.column[stock]) for stock in view.eligible(self._sectors[sector].stocks)]
        liquid = [
            (float(momentum[column]), stock)
            for stock, column in columns
            if np.isfinite(momentum[column]) and volume[column] >= self._settings.average_volume_min
        ]
        liquid.sort(key=lambda pair: (-pair[0], pair[1]))
        return tuple(stock for _, stock in liquid[: self._settings.stocks_per_sector])


class MomentumAgent:
    """Votes each stock its place in the universe by return over the momentum window."""

    name = "momentum"

    @classmethod
    def from_parts(cls, parts: PluginParts) -> MomentumAgent:
        """Make it as a plug-in is made."""
        return cls(parts.trading.stocks, parts.trading.sector_scan)

    def __init__(self, stocks: Sequence[str], settings: SectorScanSettings) -> None:
        self._stocks = tuple(stocks)
        self._days = settings.stock_momentum_days

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give one signal a stock."""
        returns = period_return(view.bars, self._days)
        known = view.bars.column
        columns = [(s, known[s]) for s in view.eligible(self._stocks)]
        values = returns[[column for _, column in columns]] if columns else np.empty(0)
        places = centred_ranks(values)
        scores = {
            stock: (float(place), f"{value:+.1%} in {self._days} sessions")
            for (stock, _), place, value in zip(columns, places, values, strict=True)
        }
        missing = why_missing(view, self._stocks, f"no bar {self._days} sessions ago")
        return signals_of(self.name, scores, symbols, confidence=0.5, missing=missing)


class RegimeAgent:
    """Votes for stocks when the market is calm and against them when it is not."""

    name = "regime"

    @classmethod
    def from_parts(cls, parts: PluginParts) -> RegimeAgent:
        """Make it as a plug-in is made."""
        return cls(RegimeTracker(parts.trading.regime), BENCHMARK)

    def __init__(self, tracker: RegimeTracker, benchmark: str) -> None:
        self._tracker = tracker
        self._benchmark = benchmark

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give the regime, and the difference of its probabilities as every stock's signal."""
        regime = self._tracker.at(view.bars, self._benchmark)
        if isinstance(regime, Abstention):
            return MarketAnalysis(abstentions=(regime,))
        score = regime.probabilities["low_vol"] - regime.probabilities["high_vol"]
        reason = f"{regime.name} with probability {regime.confidence:.0%}"
        signalled = signals_of(
            self.name,
            dict.fromkeys(symbols, (score, reason)),
            symbols,
            confidence=regime.confidence,
            missing="",
            model_id=regime.model_id,
        )
        return replace(signalled, regime=regime, models={self.name: regime.model_id})


class RsiAgent:
    """Legacy v2: votes against what has run too far, by RSI(14); +1 at 20 and below, -1 at 80 and above."""

    name = "rsi"

    @classmethod
    def from_parts(cls, parts: PluginParts) -> RsiAgent:
        """Make it as a plug-in is made."""
        return cls(parts.factors)

    def __init__(self, factors: FactorStore) -> None:
        self._factors = factors

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give one signal a stock."""
        raw = self._factors.at(view.bars).raw
        values = {s: float(raw[view.bars.column[s], RSI]) for s in symbols if s in view.bars.column}
        scores = {stock: ((50 - rsi) / 30, f"RSI(14) at {rsi:.0f}") for stock, rsi in values.items()}
        return signals_of(self.name, scores, symbols, confidence=0.5, missing="too few bars for RSI(14)")
