"""A ticker's bars, fills and corporate actions as a chart shows them, all on the bars' own price basis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date

from core.corporate_actions import CorporateAction
from core.market import BarPanel
from core.times import market_date
from core.trading_history import ActionMark, Candles, ChartFill
from core.types import Fill


def candles_of(bars: BarPanel, symbol: str, sessions: int) -> Candles:
    """Return a symbol's last sessions; none for a symbol that the panel has not."""
    if symbol not in bars.column:
        return Candles()
    column = bars.column[symbol]

    def values(name: str) -> tuple[float | None, ...]:
        found = getattr(bars, name)[-sessions:, column].tolist()
        return tuple(value if math.isfinite(value) else None for value in found)

    days: list[date] = bars.sessions[-sessions:].astype("datetime64[D]").tolist()
    return Candles(
        sessions=tuple(days),
        open=values("open"),
        high=values("high"),
        low=values("low"),
        close=values("close"),
        volume=values("volume"),
    )


def chart_fills(fills: Iterable[Fill], actions: Sequence[CorporateAction]) -> tuple[ChartFill, ...]:
    """Return one symbol's fills with their prices adjusted as its bars are: for each action after them."""
    return tuple(
        ChartFill(fill=fill, adjusted_price=round(float(fill.price) * _factor(fill, actions), 4))
        for fill in fills
    )


def action_marks(actions: Iterable[CorporateAction]) -> tuple[ActionMark, ...]:
    """Return the actions in words, oldest first."""
    ordered = sorted(actions, key=lambda action: action.ex_date)
    return tuple(ActionMark(session=one.ex_date, kind=one.kind.value, text=one.description) for one in ordered)


def _factor(fill: Fill, actions: Sequence[CorporateAction]) -> float:
    day = market_date(fill.at)
    return math.prod(float(action.price_factor) for action in actions if action.ex_date > day)
