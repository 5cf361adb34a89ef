"""The engine: one synchronous step, the same for the daemon, the API and the backtest.

Single writer: one thread owns it, so two jobs can never sell the same position twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from core.errors import BrokerError, Recoverable
from core.ports import Broker, Clock, EventSink, Feed, Ledger, MemoryWriter, RiskManager, Team
from core.service import AnalysisReport
from core.times import market_date
from core.types import (
    ApprovedOrder,
    Cycle,
    Fill,
    MarketView,
    OrderStatus,
    Plan,
    Portfolio,
    StepReport,
    TradingState,
)
from pipeline.fills import apply_fills, drop_foreign_fills
from pipeline.report_events import submitted
from pipeline.step import decide

REFUSALS = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})
NOTHING_DECIDED = "The step failed and nothing was decided"
NOT_SENT = (
    "The step is recorded, but its orders could not be sent; what became of them is asked at the next step, and "
    "none is sent again"
)


@dataclass(frozen=True, kw_only=True)
class EngineDependencies:
    """What an engine is made of; only `daemon.wiring` and the backtest put it together.

    Attributes
    ----------
    announce : callable
        Tells of a report, given the trading state before it.
    config_digest : callable
        Gives the SHA-256 of the settings in force.
    refresh_limits : callable
        Rereads watched limits; gives alerts when an edit was refused.
    route : str
        Where orders go, in words; written on every order.
    cash_tolerance_pct : float
        Share of equity by which cash may differ from the broker's at a start and still be taken over (fees,
        interest, dividends).
    follows_account : bool
        Whether the book is the broker's at each start: a dry run has none of its own.
    """

    clock: Clock
    feed: Feed
    broker: Broker
    ledger: Ledger
    team: Team
    risk: RiskManager
    events: EventSink
    publish_events: Callable[[StepReport, TradingState], None]
    memory: MemoryWriter
    config_digest: Callable[[], str]
    refresh_limits: Callable[[], Sequence[str]]
    route: str
    initial_cash: Decimal
    cash_tolerance_pct: float = 0.0
    follows_account: bool = False


class Engine:
    """Decides, records, sends and tells; remembers only what the ledger has."""

    def __init__(self, parts: EngineDependencies) -> None:
        self.parts = parts
        self.portfolio = parts.ledger.portfolio() or opening_book(parts.initial_cash)
        self.state = parts.ledger.trading_state()
        self.notes: tuple[str, ...] = ()
        self.stop_sending = threading.Event()
        self.last_report: StepReport | None = None
        self.last_view: MarketView | None = None
        self.faults = 0

    def step(self, cycle: Cycle) -> StepReport:
        """Run one step: see, settle, decide, record, send, tell.

        Raises
        ------
        core.errors.Recoverable
            The feed or the broker failed; nothing was decided, the next step tries again.
        """
        with self.parts.memory.during_step():
            return self._step(cycle) if cycle.as_of is None else self._what_if(cycle)

    def _step(self, cycle: Cycle) -> StepReport:
        alerts = tuple(self.parts.refresh_limits())
        view = self.last_view = self.parts.feed.view(self.parts.clock.now())
        fills = self._settle(view)
        book = self._with_fills(fills)
        name, plan = self._decide(view, book, self.state, cycle)
        before = self.state
        report = self._report(name, view, cycle, with_pending_orders(plan, cycle), fills, alerts)
        self.parts.ledger.record(report)
        self.parts.broker.acknowledge([fill.fill_id for fill in fills])
        self.portfolio, self.state, self.last_report = report.plan.portfolio, report.plan.state, report
        self.parts.publish_events(report, before)
        if cycle.submits:
            self.send(plan.approved)
        if cycle.protects:
            self.parts.broker.protect(plan.protections)
        self.parts.memory.remember(report)
        return report

    def analyse(self, cycle: Cycle) -> AnalysisReport:
        """Hear the team; decide and record nothing."""
        view = self.parts.feed.view(cycle.as_of or self.parts.clock.now())
        analysis = self.parts.team.analyse(view, self.portfolio, cycle)
        explained = self.parts.team.explain(view, analysis, [stock.symbol for stock in analysis.ranking])
        analysis = replace(explained, signals=analysis.signals)
        return AnalysisReport(
            as_of=view.as_of,
            source=view.source,
            bars_until=str(view.session) if view.row >= 0 else "",
            analysis=analysis,
            stale=view.stale,
            feed_fault=view.feed_fault,
            market_open=view.market_open,
        )

    def send(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        """Send recorded orders, unless a halt came in the meantime; write down what became of each."""
        if not approved:
            return {}
        if self.stop_sending.is_set():
            statuses = {a.order.client_order_id: OrderStatus.CANCELLED.value for a in approved}
        else:
            try:
                statuses = dict(self.parts.broker.submit(approved))
            except BrokerError as error:
                self.fault(error, NOT_SENT)
                return {a.order.client_order_id: OrderStatus.RECORDED.value for a in approved}
        reasons = self._mark(statuses)
        at = self.parts.clock.now()
        for order in approved:
            name = order.order.client_order_id
            topic, data = submitted(order, statuses[name], self.parts.route, reasons.get(name, ""))
            self.parts.events.publish(topic, at, data)
        return statuses

    def set_state(self, state: TradingState, reason: str) -> None:
        """Change the trading state by a person's word, written down first."""
        before, self.state = self.state, state
        self.parts.ledger.set_state(state, reason)
        data = {"from": before.value, "to": state.value, "reason": reason}
        self.parts.events.publish("state.changed", self.parts.clock.now(), data)

    def rebase(self) -> None:
        """Measure losses from here on: else the breaker that a person resumes from would trip again at once."""
        equity = self.portfolio.equity
        self.portfolio = replace(
            self.portfolio, session_open_equity=equity, peak_equity=equity, last_equity=equity
        )

    def fault(self, error: Recoverable, told: str = NOTHING_DECIDED) -> None:
        """Count a failed step and tell of it; the breaker may tighten the state after several in a row."""
        self.faults += 1
        state, alerts = self.parts.risk.on_consecutive_errors(self.faults, self.state)
        at = self.parts.clock.now()
        for message in (f"{told}: {error}", *alerts):
            self.parts.events.publish("risk.alert", at, {"message": message, "faults": self.faults})
        if state is not self.state:
            self.set_state(state, f"{self.faults} steps failed in a row")

    def last_bar_age_seconds(self, now: datetime) -> float | None:
        """Tell how old the newest bar of the last view is."""
        if self.last_view is None or self.last_view.row < 0:
            return None
        known_at = self.last_view.bars.known_at[-1].item().replace(tzinfo=UTC)
        return float((now - known_at).total_seconds())

    def _what_if(self, cycle: Cycle) -> StepReport:
        """Decide at a past moment against an empty book; recorded, never sent, the real book untouched."""
        assert cycle.as_of is not None  # noqa: S101  # the caller has looked
        view = self.parts.feed.view(cycle.as_of)
        book = opening_book(self.portfolio.equity)
        name, plan = self._decide(view, book, TradingState.ACTIVE, cycle)
        note = "what if: decided at a past moment against an empty book; it cannot be executed"
        report = self._report(name, view, cycle, plan, (), (note,))
        self.parts.ledger.record(report)
        return report

    def _settle(self, view: MarketView) -> tuple[Fill, ...]:
        """Take the fills not booked yet: the broker may deliver one again, the ledger books it once."""
        fresh = self.parts.ledger.new_fills(self.parts.broker.settle(view))
        return drop_foreign_fills(self.portfolio, fresh)

    def _with_fills(self, fills: tuple[Fill, ...]) -> Portfolio:
        """Book the fills, and write down what became of orders that are no longer open at the broker."""
        pending = self.parts.broker.open_orders()
        if not fills and pending == self.portfolio.pending:
            return self.portfolio
        open_names = {order.client_order_id for order in pending}
        gone = [o.client_order_id for o in self.portfolio.pending if o.client_order_id not in open_names]
        if gone:
            never_taken = dict.fromkeys(gone, OrderStatus.CANCELLED.value)
            became = {**never_taken, **self.parts.broker.statuses(gone)}
            booked = {fill.client_order_id for fill in fills}  # the ledger writes "filled" with the fill
            filled = [n for n, status in became.items() if status == OrderStatus.FILLED and n in booked]
            self._mark({name: status for name, status in became.items() if name not in filled})
        return replace(apply_fills(self.portfolio, fills, market_date), pending=pending)

    def _mark(self, statuses: Mapping[str, str]) -> Mapping[str, str]:
        """Write down what became of orders; give the broker's reasons for what it did not do."""
        refused = (name for name, status in statuses.items() if status in REFUSALS)
        reasons = {name: reason for name in refused if (reason := self.parts.broker.reason(name))}
        self.parts.ledger.update_status(statuses, reasons)
        return reasons

    def _decide(self, view: MarketView, book: Portfolio, state: TradingState, cycle: Cycle) -> tuple[str, Plan]:
        return decide(view, book, self.parts.team, self.parts.risk, state, cycle, self.parts.config_digest())

    def _report(  # a report names each part of the step once
        self,
        name: str,
        view: MarketView,
        cycle: Cycle,
        plan: Plan,
        fills: tuple[Fill, ...],
        alerts: tuple[str, ...],
    ) -> StepReport:
        notes = (*self.notes, *alerts)
        return StepReport(
            decision_id=name,
            cycle=cycle,
            as_of=view.as_of,
            source=view.source,
            bars_until=str(view.session) if view.row >= 0 else "",
            view_digest=view.digest(),
            config_digest=self.parts.config_digest(),
            plan=plan,
            fills=fills,
            stale=view.stale,
            feed_fault=view.feed_fault,
            notes=notes,
        )


def opening_book(cash: Decimal) -> Portfolio:
    """Give a book that holds only cash."""
    return Portfolio(cash=cash, session_open_equity=cash, peak_equity=cash)


def with_pending_orders(plan: Plan, cycle: Cycle) -> Plan:
    """Write into the book, before the send, which orders are on their way."""
    if not cycle.submits or not plan.approved:
        return plan
    orders = tuple(approved.order for approved in plan.approved)
    book = replace(plan.portfolio, pending=(*plan.portfolio.pending, *orders))
    return replace(plan, portfolio=book)
