"""What the engine does about it: decisions, the portfolio, the plan and the report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from core.account_conditions import NO_CONDITIONS, AccountConditions
from core.brackets import Bracket
from core.corporate_actions import CashMovement, CorporateAction
from core.cycles import Cycle
from core.loss_sales import HeldLot, LossSale
from core.market_analysis import MarketAnalysis, Signal
from core.orders import ApprovedOrder, Fill, Order, RefusedOrder
from core.positions import Position

ZERO = Decimal(0)


class Action(StrEnum):
    """What a decision wants done with a symbol."""

    ENTER = "enter"
    EXIT = "exit"
    HOLD = "hold"
    RESIZE = "resize"


class TradingState(StrEnum):
    """What the engine may do: all, sells only, or nothing but reads and cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


def tighter(one: TradingState, other: TradingState) -> TradingState:
    """Return the state that allows less."""
    order = tuple(TradingState)
    return max(one, other, key=order.index)


class Vote(Struct, frozen=True, kw_only=True, gc=False):
    """A signal with the weight it had in the decision (weights of one decision sum to 1)."""

    signal: Signal
    weight: float


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """What the team wants for one symbol, and why.

    Attributes
    ----------
    score : float
        Weighted mean of the votes, in [-1, 1].
    confidence : float
        In [0, 1].
    rule : str
        The rule that decided: `score`, or the exit rule (`stop_loss`, `take_profit`, ...).
    target_weight : float or None
        Share of equity to hold, in [0, 1], where the team sizes the portfolio itself (needed by RESIZE); None
        where sizing is left to the risk manager.
    quantity : Decimal or UNSET
        Of an EXIT, the shares to sell where a person named them; UNSET (left out of the JSON) for all.
    p_win : float or None
        Probability of ending in the universe's top quarter that the vote stands for; None without votes.
    """

    symbol: str
    action: Action
    score: float
    confidence: float
    rule: str
    votes: tuple[Vote, ...] = ()
    reasons: tuple[str, ...] = ()
    p_win: float | None = None
    target_weight: float | None = None
    quantity: Decimal | UnsetType = UNSET


class Portfolio(Struct, frozen=True, kw_only=True, dict=True):
    """Cash and positions, with what the breakers compare against.

    Attributes
    ----------
    session_open_equity : Decimal
        Equity when the current session began, for the reported daily return.
    peak_equity : Decimal
        Highest equity ever, for the reported drawdown.
    session_base, peak_base : Decimal or UNSET
        What the breakers measure from instead, since a person resumed; UNSET (left out of the JSON) where that
        is `session_open_equity` and `peak_equity`.
    last_equity : Decimal
        Equity when it was last marked, before any fill since: what the next session opens with.
    conditions : AccountConditions or UNSET
        What the broker's account allows; UNSET (left out of the JSON) where all is as the ledger has it.
    trades_today : int
        Orders approved to be sent in the current session, for `max_daily_trades`; not what has filled.
    pending : tuple of Order
        Orders sent but not yet filled.
    risk_exits : mapping of str to date, or UNSET
        The session in which a rule last sold each symbol, of the last weeks; UNSET (left out of the JSON) without
        any.
    loss_sales : mapping of str to tuple of LossSale, or UNSET
        Losses of the last 30 days that buying the symbol back would disallow; UNSET (left out of the JSON)
        without any.
    replacing_lots : mapping of str to tuple of HeldLot, or UNSET
        Lots of what was bought more than once and within 30 days: of a part of it, sold at a loss, the rest would
        take the place; UNSET (left out of the JSON) without any.
    """

    cash: Decimal
    positions: Mapping[str, Position] = field(default_factory=dict)
    session: date | None = None
    session_open_equity: Decimal = ZERO
    peak_equity: Decimal = ZERO
    last_equity: Decimal = ZERO
    trades_today: int = 0
    pending: tuple[Order, ...] = ()
    session_base: Decimal | UnsetType = UNSET
    peak_base: Decimal | UnsetType = UNSET
    conditions: AccountConditions | UnsetType = UNSET
    risk_exits: Mapping[str, date] | UnsetType = UNSET
    loss_sales: Mapping[str, tuple[LossSale, ...]] | UnsetType = UNSET
    replacing_lots: Mapping[str, tuple[HeldLot, ...]] | UnsetType = UNSET

    @property
    def account(self) -> AccountConditions:
        """What the broker's account allows."""
        return NO_CONDITIONS if self.conditions is UNSET else self.conditions

    def sellable(self, symbol: str) -> Decimal:
        """Return the shares held that no order of somebody else holds back."""
        held = self.positions.get(symbol)
        return max(held.quantity - self.account.reserved.get(symbol, ZERO), ZERO) if held else ZERO

    @property
    def positions_with_missing(self) -> dict[str, Position]:
        """The positions as the ledger has them: with the shares that are missing at the broker."""
        positions = dict(self.positions)
        for symbol, frozen in self.account.frozen.items():
            if not frozen.missing or frozen.position is None:
                continue
            held = positions.get(symbol)
            quantity = frozen.missing + (held.quantity if held else ZERO)
            positions[symbol] = replace(held or frozen.position, quantity=quantity)
        return positions

    @cached_property
    def equity(self) -> Decimal:
        """Cash plus market value, US dollars."""
        return self.cash + sum((position.value for position in self.positions.values()), ZERO)

    @property
    def daily_return(self) -> float:
        """Return since the session began, as a fraction."""
        return _change(self.session_open_equity, self.equity)

    @property
    def drawdown(self) -> float:
        """Distance below the highest equity ever, as a fraction at or below 0."""
        return min(0.0, _change(self.peak_equity, self.equity))

    @property
    def breaker_daily_return(self) -> float:
        """Return since the session began or a person resumed in it, as a fraction: what the limits see."""
        base = self.session_open_equity if self.session_base is UNSET else self.session_base
        return _change(base, self.equity)

    @property
    def breaker_drawdown(self) -> float:
        """Distance below the highest equity since a person last resumed, at or below 0: what the limits see."""
        base = self.peak_equity if self.peak_base is UNSET else self.peak_base
        return min(0.0, _change(base, self.equity))

    def rebased(self) -> Portfolio:
        """Give a copy whose breakers measure losses from the equity of now; what is reported stays."""
        return self.with_bases(self.equity, self.equity)

    def with_bases(self, session: Decimal | UnsetType, peak: Decimal | UnsetType) -> Portfolio:
        """Give a copy with these bases of the breakers; one that equals the reported figure is UNSET."""
        return replace(
            self,
            session_base=UNSET if session == self.session_open_equity else session,
            peak_base=UNSET if peak == self.peak_equity else peak,
        )

    def with_position(self, position: Position) -> Portfolio:
        """Give a copy that holds `position` (or has dropped it, when its quantity is 0)."""
        kept = {name: held for name, held in self.positions.items() if name != position.symbol}
        if position.quantity:
            kept[position.symbol] = position
        return replace(self, positions=kept)


def _change(before: Decimal, now: Decimal) -> float:
    """Return the change as a fraction; 0 from nothing."""
    return float(now / before - 1) if before else 0.0


class Plan(Struct, frozen=True, kw_only=True):
    """What a step intends. Every decision ends in exactly one of approved, refused, no change.

    Attributes
    ----------
    portfolio : Portfolio
        The portfolio with its updated peaks and miss counts (no trade applied).
    state : TradingState
        The state after the breakers acted.
    alerts : tuple of str
        What a person should know.
    protections : tuple of Bracket
        Stop-loss and take-profit of each position held and each entry approved; only in a cycle that protects.
    portfolio_digest : str
        SHA-256 of the portfolio as the decision found it; recorded as `book_digest`.
    decided_in : TradingState or None
        The state before the breakers acted.
    """

    decisions: tuple[Decision, ...]
    approved: tuple[ApprovedOrder, ...]
    refused: tuple[RefusedOrder, ...]
    unchanged: tuple[str, ...]
    analysis: MarketAnalysis = field(name="opinion")  # the name in every recorded ledger
    portfolio: Portfolio
    state: TradingState
    alerts: tuple[str, ...] = ()
    protections: tuple[Bracket, ...] = ()
    portfolio_digest: str = field(default="", name="book_digest")
    decided_in: TradingState | None = None


class StepReport(Struct, frozen=True, kw_only=True):
    """All that a step saw, thought and did.

    Attributes
    ----------
    bars_until : str
        ISO date of the newest session the decision saw; empty when there was none.
    view_digest : str
        SHA-256 of the view: what the decision saw.
    config_digest : str
        SHA-256 of the settings in force.
    feed_fault : str
        Why the feed as a whole could not be trusted; empty when it could.
    notes : tuple of str
        What was degraded.
    watched : tuple of str or UNSET
        Symbols of the view that the universe does not know, since something held them when the engine was built.
    cash_movements : tuple of CashMovement
        Cash booked without a trade.
    actions : tuple of CorporateAction
        Corporate actions that took effect on something held.
    """

    decision_id: str
    cycle: Cycle
    as_of: datetime
    source: str
    bars_until: str
    view_digest: str
    config_digest: str
    plan: Plan
    fills: tuple[Fill, ...] = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    feed_fault: str = ""
    notes: tuple[str, ...] = ()
    watched: tuple[str, ...] | UnsetType = UNSET
    cash_movements: tuple[CashMovement, ...] = ()
    actions: tuple[CorporateAction, ...] = ()
