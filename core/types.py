"""The nouns of the engine, in one place to import from."""

from core.corporate_actions import ActionKind, CashKind, CashMovement, CorporateAction, Settlement
from core.cycles import Cycle
from core.events import Event
from core.market import BarPanel, Floats, Headline, MarketView, Memory, Quote
from core.market_analysis import Abstention, MarketAnalysis, RankedStock, Regime, SectorScore, Signal, Signals
from core.orders import ApprovedOrder, Check, Fill, Order, OrderStatus, RefusedOrder, Side
from core.positions import Position
from core.trading import (
    Action,
    Decision,
    Plan,
    Portfolio,
    StepReport,
    TradingState,
    Vote,
)

__all__ = [
    "Abstention", "Action", "ActionKind", "ApprovedOrder", "BarPanel", "CashKind", "CashMovement", "Check",
    "CorporateAction", "Cycle", "Decision", "Event", "Fill", "Floats", "Headline", "MarketAnalysis", "MarketView",
    "Memory", "Order", "OrderStatus", "Plan", "Portfolio", "Position", "Quote", "RankedStock", "RefusedOrder",
    "Regime", "SectorScore", "Settlement", "Side", "Signal", "Signals", "StepReport", "TradingState", "Vote",
]  # fmt: skip
