"""Orders, what the limits said of them, and the trades that came of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from core.money import to_cents

SPLIT = "split"
"""The rule of a fill that is a split: shares that came (a buy) or went (a sell) at price 0."""

DELISTED = "delisting"
"""The rule of a sale that takes delisted shares out of the portfolio; the only one whose price may be 0."""
BY_HAND = "by_hand"
"""The rule of a trade of ours that a person made at the broker."""
FOREIGN = "foreign"
"""The rule of an order, or a fill, that is not the engine's."""
CASH_IN_LIEU = "cash_in_lieu"
"""The rule of a sale of the fraction of a share that a split left over."""

RISK_EXITS = frozenset(
    {
        "stop_loss", "take_profit", "trailing_stop", "atr_stop", "atr_target",
        "max_hold_days", "consecutive_misses", "flatten",
    }
)  # fmt: skip
"""The rules of sales that no vote decided: what they sold is not bought back at once."""


TAKE_PROFIT = "take_profit"
"""The rule of a sale at the target, also where it rests with the broker."""


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class OrderStatus(StrEnum):
    """Where an order stands.

    PROPOSED was decided but nobody asked to send it; RECORDED is the intent written down before the send.
    """

    PROPOSED = "proposed"
    RECORDED = "recorded"
    SUBMITTED = "submitted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DRY_RUN = "dry_run"


class Order(Struct, frozen=True, kw_only=True, gc=False):
    """What is to be traded.

    Attributes
    ----------
    client_order_id : str
        Derived from the decision: the same decision can never send two.
    quantity : Decimal
        Shares, positive; fractions allowed where the broker allows them.
    reference_price : Decimal
        The newest price known when it was decided, US dollars.
    """

    client_order_id: str
    decision_id: str
    symbol: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    rule: str


class Check(Struct, frozen=True, kw_only=True, gc=False):
    """One limit applied to one order: what was observed against what is allowed."""

    rule: str
    limit: str
    observed: str
    passed: bool


class ApprovedOrder(Struct, frozen=True, kw_only=True):
    """An order that passed every limit. Only risk/ makes one.

    Attributes
    ----------
    weight : float
        Share of equity after the trade's sizing, in [0, 1].
    """

    order: Order
    weight: float
    checks: tuple[Check, ...] = ()


class RefusedOrder(Struct, frozen=True, kw_only=True, gc=False):
    """A decision that a limit stopped, with the rule, the limit and what was observed."""

    symbol: str
    side: Side
    rule: str
    limit: str
    observed: str


class Fill(Struct, frozen=True, kw_only=True, gc=False):
    """A trade that happened. `fill_id` is unique for ever: it books once.

    Attributes
    ----------
    rule : str
        Why: the rule of its order, or of the protection that closed the position.
    """

    fill_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    rule: str = ""

    @property
    def cash_change(self) -> Decimal:
        """What it does to cash, fee included, rounded to the cent once, US dollars."""
        value = self.quantity * self.price
        return to_cents(value - self.fee if self.side is Side.SELL else -value - self.fee)
