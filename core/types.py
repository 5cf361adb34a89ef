"""The nouns of the engine, in one place to import from."""

from core.events import Event
from core.market import BarPanel, Floats, Headline, MarketView, Memory, Quote
from core.opinions import Abstention, Opinion, RankedStock, Regime, SectorScore, Signal
from core.trading import (
    Action,
    ApprovedOrder,
    Check,
    Cycle,
    Decision,
    Fill,
    Order,
    OrderStatus,
    Plan,
    Portfolio,
    Position,
    RefusedOrder,
    Side,
    StepReport,
    TradingState,
    Vote,
)

__all__ = [
    "Abstention", "Action", "ApprovedOrder", "BarPanel", "Check", "Cycle", "Decision", "Event", "Fill",
    "Floats", "Headline", "MarketView", "Memory", "Opinion", "Order", "OrderStatus", "Plan", "Portfolio",
    "Position", "Quote", "RankedStock", "RefusedOrder", "Regime", "SectorScore", "Side", "Signal",
    "StepReport", "TradingState", "Vote",
]  # fmt: skip
