"""What was earned and where: closed trades, profit by period and by group, a ticker's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from core.brackets import Levels
from core.trading import ZERO
from core.types import Fill, Headline


class OrderFacts(Struct, frozen=True, kw_only=True):
    """The decision behind an order, and the price it stood on, US dollars."""

    decision_id: str
    reference_price: Decimal


class ClosedTrade(Struct, frozen=True, kw_only=True):
    """A closed round trip with what it cost and why it began and ended.

    Attributes
    ----------
    number : int
        From 1, in the order in which they closed; a trade keeps its number.
    fees_usd : Decimal
        Of all fills; inside the profit.
    slippage_usd : Decimal
        How much worse than the prices their decisions stood on the fills traded; inside the profit.
    holding_days : float
        From the first buy to the last sale, calendar days.
    entry_rule, exit_rule : str
        Of the first buy and the last sale.
    agent : str
        Whose vote weighed most in the entry; empty where nobody voted.
    entry_decision_id, exit_decision_id : str
        Empty where the ledger has no order, as for a sale by hand.
    """

    number: int
    symbol: str
    sector: str
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    profit_usd: Decimal
    profit_pct: float
    dividends_usd: Decimal
    fees_usd: Decimal
    slippage_usd: Decimal
    holding_days: float
    entry_rule: str
    exit_rule: str
    agent: str
    entry_decision_id: str
    exit_decision_id: str
    fills: tuple[Fill, ...]


class PeriodResult(Struct, frozen=True, kw_only=True):
    """What a session, a month or a year brought.

    Attributes
    ----------
    period : str
        ISO: `2025-06-30`, `2025-06` or `2025`.
    profit_usd : Decimal
        Change of equity, to the cent, without what a person paid in.
    return_pct : float
        Compounded by session, a fraction.
    realised_usd : Decimal
        Profit of the trades that closed in it.
    trades : int
        How many closed in it.
    paid_in_usd : Decimal
        What a person paid in (or, negative, took out).
    """

    period: str
    profit_usd: Decimal
    return_pct: float
    realised_usd: Decimal = ZERO
    trades: int = 0
    paid_in_usd: Decimal = ZERO


class ProfitCalendar(Struct, frozen=True, kw_only=True):
    """Profit by session, month and year, oldest first; each adds up to the change of equity.

    Attributes
    ----------
    opening_usd, closing_usd : Decimal
        Equity before the first step and after the last, to the cent.
    """

    days: tuple[PeriodResult, ...] = ()
    months: tuple[PeriodResult, ...] = ()
    years: tuple[PeriodResult, ...] = ()
    opening_usd: Decimal = ZERO
    closing_usd: Decimal = ZERO


class GroupResult(Struct, frozen=True, kw_only=True):
    """What the closed trades of a group earned.

    Attributes
    ----------
    won : int
        Trades with a profit above 0 after fees.
    return_mean_pct : float
        Mean profit over cost of a trade, a fraction.
    holding_days_mean : float
        Calendar days.
    """

    name: str
    trades: int
    won: int
    profit_usd: Decimal
    fees_usd: Decimal
    slippage_usd: Decimal
    dividends_usd: Decimal
    return_mean_pct: float
    holding_days_mean: float


class Candles(Struct, frozen=True, kw_only=True):
    """Daily bars of one symbol, oldest first, adjusted for splits and dividends; None where there is no bar."""

    sessions: tuple[date, ...] = ()
    open: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    low: tuple[float | None, ...] = ()
    close: tuple[float | None, ...] = ()
    volume: tuple[float | None, ...] = ()


class ChartFill(Struct, frozen=True, kw_only=True):
    """A fill beside the price it has among adjusted bars, US dollars."""

    fill: Fill
    adjusted_price: float


class ActionMark(Struct, frozen=True, kw_only=True):
    """A dividend, split or other corporate action, in words, on its day."""

    session: date
    kind: str
    text: str


class SymbolVotes(Struct, frozen=True, kw_only=True):
    """What the last decision of a session said of a symbol.

    Attributes
    ----------
    votes : mapping of str to float
        Each agent's score in [-1, 1].
    """

    session: date
    decision_id: str
    action: str
    score: float
    votes: Mapping[str, float]


class ScoredHeadline(Struct, frozen=True, kw_only=True):
    """A headline and its sentiment in [-1, 1]; None while it is not scored."""

    headline: Headline
    score: float | None


class TickerHistory(Struct, frozen=True, kw_only=True):
    """A ticker's bars with what the engine did and thought there."""

    symbol: str
    sector: str
    candles: Candles
    fills: tuple[ChartFill, ...] = ()
    levels: Levels | None = None
    actions: tuple[ActionMark, ...] = ()
    votes: tuple[SymbolVotes, ...] = ()
    headlines: tuple[ScoredHeadline, ...] = ()
    trades: tuple[ClosedTrade, ...] = ()


class HistoryQueries(Protocol):
    """What was earned and where; safe from any thread, never on the event loop."""

    def closed_trades(self) -> Sequence[ClosedTrade]:
        """Return the closed trades, oldest first."""
        ...

    def calendar(self) -> ProfitCalendar:
        """Return profit by session, month and year."""
        ...

    def performance(self) -> Mapping[str, Sequence[GroupResult]]:
        """Return what each ticker, sector, agent, exit rule and weekday earned, best first."""
        ...

    def ticker(self, symbol: str, sessions: int) -> TickerHistory:
        """Return a ticker's last sessions."""
        ...
