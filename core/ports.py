"""The ports: what the engine needs of the outside, one small Protocol each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, Protocol

from core.brackets import Bracket
from core.flattening import FlattenRecord
from core.notifications import Notification
from core.service import OrderRecord
from core.types import (
    ApprovedOrder,
    BarPanel,
    CashMovement,
    CorporateAction,
    Cycle,
    Decision,
    Event,
    Fill,
    Headline,
    MarketAnalysis,
    MarketView,
    Order,
    Plan,
    Portfolio,
    Quote,
    Settlement,
    StepReport,
    TradingState,
)


class Clock(Protocol):
    """The time, aware UTC."""

    @property
    def is_real_time(self) -> bool:
        """Whether it runs by itself, so that an alarm on it comes due; False for one that somebody moves."""
        ...

    def now(self) -> datetime:
        """Give the current moment."""
        ...


class Calendar(Protocol):
    """Knows the exchange's sessions."""

    def sessions(self, start: date, end: date) -> Sequence[tuple[date, datetime, datetime]]:
        """List (session, opens_at, closes_at) from start to end inclusive, times aware UTC."""
        ...

    def is_open(self, at: datetime) -> bool:
        """Return whether the exchange is in its regular session."""
        ...


class BarSource(Protocol):
    """Fetches daily bars of one vendor, adjusted for splits and dividends, checked by nobody yet."""

    name: str

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Fetch the sessions from start to end inclusive; a symbol not had is a column of NaN.

        Raises
        ------
        core.errors.DataError
            When the vendor as a whole does not answer.
        """
        ...

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol; a symbol not had is left out."""
        ...


class NewsSource(Protocol):
    """Fetches headlines of one vendor, cleaned; the same story may come several times."""

    name: str

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        """Fetch what came out from start to end, oldest first.

        Raises
        ------
        core.errors.DataError
            When the vendor does not answer.
        """
        ...


class Feed(Protocol):
    """Gives the view of a moment: the past only."""

    def view(self, as_of: datetime) -> MarketView:
        """Give all that was known at `as_of`."""
        ...


class Broker(Protocol):
    """Takes orders and reports what became of them."""

    name: str

    def settle(self, view: MarketView) -> Settlement:
        """Give the fills, cash movements and corporate actions up to the view's moment, not acknowledged yet."""
        ...

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        """Send orders, each at most once by its client_order_id; give each one's status."""
        ...

    def protect(self, protections: Sequence[Bracket]) -> None:
        """Watch these stops and targets, and no others, within the daily bars to come."""
        ...

    def cancel(self, client_order_id: str) -> str:
        """Cancel an order if it is still open; give its status."""
        ...

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Take note that the ledger has these fills, movements and actions: they need not be given again."""
        ...

    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the status of orders; those never taken are left out."""
        ...

    def doubtful_orders(self) -> frozenset[str]:
        """Return the orders of which nobody knows yet whether the broker will ever have them."""
        ...

    def reason(self, client_order_id: str) -> str:
        """Return why an order was refused, cancelled or expired; empty where there is no reason."""
        ...

    def open_orders(self) -> tuple[Order, ...]:
        """Give the orders that may still trade, oldest first."""
        ...

    def account(self) -> Portfolio:
        """Return the broker's account: cash, quantities and open orders."""
        ...


class Ledger(FlattenRecord, Protocol):
    """Remembers for ever what was decided, sent and filled."""

    def record(self, report: StepReport) -> None:
        """Write a step down before anything of it is sent. Writing the same step twice changes nothing."""
        ...

    def mark_sending(self, approved: Sequence[ApprovedOrder]) -> None:
        """Write down, before the send, that proposed orders are sent now, as sized now."""
        ...

    def save_portfolio(self, portfolio: Portfolio) -> None:
        """Write down the portfolio as it stands between two steps."""
        ...

    def update_status(self, statuses: Mapping[str, str], reasons: Mapping[str, str] | None = None) -> None:
        """Write down what became of orders and why, by client_order_id."""
        ...

    def order(self, client_order_id: str) -> OrderRecord | None:
        """Give one order."""
        ...

    def unsent_orders(self) -> Sequence[OrderRecord]:
        """Give the orders written down to be sent of which it is not known whether they were."""
        ...

    def steps(self, cycles: Collection[str] = (), *, before: str = "") -> Iterator[StepReport]:
        """Return recorded steps one by one, newest first: of these cycles (empty for all), before a decision."""
        ...

    def decision(self, decision_id: str) -> StepReport | None:
        """Give one recorded decision."""
        ...

    def new_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Keep the fills that no recorded step has booked yet."""
        ...

    def new_cash_movements(self, movements: Sequence[CashMovement]) -> tuple[CashMovement, ...]:
        """Keep the cash movements that no recorded step has booked yet."""
        ...

    def new_actions(self, actions: Sequence[CorporateAction]) -> tuple[CorporateAction, ...]:
        """Keep the corporate actions that no recorded step has booked yet."""
        ...

    def set_state(self, state: TradingState, reason: str) -> None:
        """Write down a trading state that a person chose."""
        ...

    def portfolio(self) -> Portfolio | None:
        """Return the portfolio after the last step recorded; None when there is none."""
        ...

    def trading_state(self) -> TradingState:
        """Give the trading state last recorded."""
        ...


class Team(Protocol):
    """The agents: their analysis of the view, and the decisions that follow."""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the analysis by every agent of the cycle."""
        ...

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Return one decision a symbol."""
        ...

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Return the part of an analysis that explains these symbols, with reasons that take time to find."""
        ...


class RiskManager(Protocol):
    """The only maker of approved orders."""

    def mark_to_market(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> Portfolio:
        """Mark the portfolio to the view: last prices, peaks, the session's opening equity, miss counts."""
        ...

    def exits(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> tuple[Decision, ...]:
        """Return an EXIT for each held position that a rule closes."""
        ...

    def review(
        self,
        *,
        decision_id: str,
        decisions: Sequence[Decision],
        view: MarketView,
        portfolio: Portfolio,
        analysis: MarketAnalysis,
        state: TradingState,
        cycle: Cycle,
    ) -> Plan:
        """Size, check and sort every decision into approved, refused or unchanged."""
        ...

    def on_consecutive_errors(self, faults: int, state: TradingState) -> tuple[TradingState, tuple[str, ...]]:
        """Give the state, never looser, and alerts after so many failed steps in a row."""
        ...


class EventSink(Protocol):
    """Takes the events of the engine."""

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        """Give an event its place in the sequence and pass it on; never blocks, never raises."""
        ...


class Notifier(Protocol):
    """Tells a person."""

    def notify(self, notification: Notification) -> None:
        """Keep a notification until its receivers have it; never waits for them, never raises."""
        ...


class MemoryWriter(Protocol):
    """Remembers reports for later recall, best effort."""

    def during_step(self) -> AbstractContextManager[None]:
        """Give what a step runs in: within it whoever writes the memory stands aside."""
        ...

    def remember(self, report: StepReport) -> None:
        """Queue a report for the memory; never blocks, never raises."""
        ...


__all__ = [
    "BarSource", "Broker", "Calendar", "Clock", "EventSink", "Feed", "Ledger", "MemoryWriter",
    "NewsSource", "Notifier", "RiskManager", "Team",
]  # fmt: skip
