"""The market of a chaotic week: prices from one number, moving enough to set off stops and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import numpy as np

from adapters.calendar import NyseCalendar, Session
from adapters.feeds.panel_feed import PanelFeed
from config.trading import DataSettings
from core.errors import DataError
from core.types import BarPanel, MarketView, Quote
from tests.default_universe import BENCHMARK

SYMBOLS = ("AAPL", "AMZN", "CAT", "JPM", "LLY", "NEE", "NVDA", "PLD", "WMT", "XOM")
WEEKS = (date(2024, 5, 6), date(2024, 11, 25), date(2024, 3, 8), date(2024, 7, 1), date(2024, 10, 31))
"""An ordinary week; Thanksgiving's; one each across a change of clocks; one with a half day and a holiday."""
SESSIONS, HISTORY, STEP = 5, 40, timedelta(minutes=5)
FEED_FAULT_RATE = 0.01
OPENING_LAG, STEPS_A_DAY = timedelta(minutes=30), 100
STEP_DEVIATION, GAP_DEVIATION = 0.0045, 0.012
CALENDAR = NyseCalendar()


@dataclass(frozen=True, kw_only=True)
class Split:
    """`ratio` new shares for each old one from a session on."""

    symbol: str
    session: date
    ratio: Decimal


class Market:
    """Prices at every fifth minute, and the daily bars they make, back-adjusted for the split.

    Parameters
    ----------
    split : Split or None
    """

    def __init__(self, seed: int, first: date, split: Split | None = None) -> None:
        self.sessions: Sequence[Session] = CALENDAR.sessions(first, first + timedelta(days=14))[: SESSIONS + 1]
        before = CALENDAR.sessions(first - timedelta(days=3 * HISTORY), first - timedelta(days=1))
        self._days = [*before[-HISTORY:], *self.sessions]
        self._split, self._seed = split, seed
        dice = np.random.default_rng(seed)
        names = (*SYMBOLS, BENCHMARK)
        moves = dice.normal(0, STEP_DEVIATION, (len(self._days), STEPS_A_DAY, len(names)))
        moves[:, 0] = dice.normal(0, GAP_DEVIATION, moves[:, 0].shape)
        start = np.log(dice.uniform(40, 400, len(names)))
        self._paths = np.exp(start + moves.reshape(-1, len(names)).cumsum(axis=0)).reshape(moves.shape).round(2)
        self.panel = self._bars(names, dice)

    def feed_fails(self, at: datetime) -> bool:
        """Say whether the feed fails at a moment: then nothing is decided or protected; never at the end."""
        calm = at >= self.sessions[-1][1] - OPENING_LAG - STEP
        return not calm and Random(f"feed {self._seed} {at.isoformat()}").random() < FEED_FAULT_RATE

    def prices(self, at: datetime) -> Mapping[str, Decimal]:
        """Give what each symbol trades at, as traded, to the cent."""
        day = max(0, sum(opens - OPENING_LAG <= at for _, opens, _ in self._days) - 1)
        session, opens, _ = self._days[day]
        step = min(max((at - opens + OPENING_LAG) // STEP, 0), STEPS_A_DAY - 1)
        row = self._paths[day, step].tolist()
        return {name: self._traded(name, price, session) for name, price in zip(SYMBOLS, row, strict=False)}

    def _traded(self, name: str, price: float, session: date) -> Decimal:
        split = self._split
        ratio = split.ratio if split and split.symbol == name and session >= split.session else Decimal(1)
        return (Decimal(repr(price)) / ratio).quantize(Decimal("0.01"))

    def _bars(self, names: tuple[str, ...], dice: np.random.Generator) -> BarPanel:
        paths = self._paths.copy()
        if self._split:
            paths[..., names.index(self._split.symbol)] /= float(self._split.ratio)
        closes_at = [closes.replace(tzinfo=None) for _, _, closes in self._days]
        return BarPanel(
            sessions=np.array([day for day, _, _ in self._days], dtype="datetime64[D]"),
            known_at=np.array(closes_at, dtype="datetime64[us]"),
            symbols=names,
            open=paths[:, 0],
            high=paths.max(axis=1),
            low=paths.min(axis=1),
            close=paths[:, -1],
            volume=dice.uniform(1e6, 5e6, paths[:, 0].shape),
        )


class MarketFeed:
    """The market as the engine sees it; now and then it fails, from the same number."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._feed = PanelFeed(market.panel, DataSettings(), CALENDAR, source="simulated", quotes=self._quotes)

    def view(self, as_of: datetime) -> MarketView:
        if self._market.feed_fails(as_of):
            raise DataError("The market's feed fails now and then.")
        return self._feed.view(as_of)

    def _quotes(self, at: datetime) -> Mapping[str, Quote]:
        prices = self._market.prices(at)
        return {name: Quote(symbol=name, price=float(price), at=at) for name, price in prices.items()}


def average_true_range(view: MarketView) -> Mapping[str, float]:
    """Give the mean true range of the last 14 sessions."""
    bars = view.bars
    high, low, before = bars.high[-14:], bars.low[-14:], bars.close[-15:-1]
    ranges = np.maximum(high, before) - np.minimum(low, before)
    return dict(zip(bars.symbols, ranges.mean(axis=0).tolist(), strict=True))


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)
