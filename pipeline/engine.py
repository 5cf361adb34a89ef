"""The engine: one synchronous step, the same for the daemon, the API and the backtest.

Single writer: one thread owns it, so two jobs can never sell the same position twice.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from core.errors import BrokerError, Recoverable
from core.service import AnalysisReport
from core.trading import tighter
from core.types import (
    ApprovedOrder,
    Cycle,
    Decision,
    MarketView,
    OrderStatus,
    Plan,
    Portfolio,
    Position,
    StepReport,
    TradingState,
)
from pipeline.account import (
    opening_portfolio,
    with_account,
    with_pending_orders,
    without_refused_exits,
)
from pipeline.account_check import settle_and_check
from pipeline.conditions import with_faults
from pipeline.dependencies import EngineDependencies
from pipeline.order_events import OrderEvents
from pipeline.past_views import what_if
from pipeline.reports import analysis_report, step_report
from pipeline.sending_switch import SendingSwitch
from pipeline.settlement import record_statuses
from pipeline.step import decide

__all__ = ["Engine", "EngineDependencies"]
HALT_CAME_FIRST = "trading was halted before it was sent"
NOTHING_DECIDED = "The step failed, so nothing was decided or sent, and the next one tries again"
NOT_SENT = "The step is recorded, but its orders could not be sent, and the next step decides anew"


class Engine:
    """Decides, records, sends and publishes; what it keeps, the ledger has too.

    Its state is read from any thread and changed by its own methods only, which one thread calls; a person's
    halt alone (`sending.request_halt`, then `record_halt`) comes from any thread and waits for no step.

    Parameters
    ----------
    first_view : MarketView or None
        What is shown as the last view until the first step has one of its own.

    Attributes
    ----------
    sending : SendingSwitch
        Whether recorded orders may be sent; the only part that other threads may close.
    """

    def __init__(self, parts: EngineDependencies, first_view: MarketView | None = None) -> None:
        self._parts = parts
        self._portfolio = parts.ledger.portfolio() or opening_portfolio(parts.initial_cash)
        self._state = parts.ledger.trading_state()
        self._state_lock = threading.RLock()
        self._last_report: StepReport | None = None
        self._last_view = first_view
        self._faults = 0
        self._orders = OrderEvents(events=parts.events, clock=parts.clock, route=parts.route)
        self.sending = SendingSwitch()

    @property
    def parts(self) -> EngineDependencies:
        """What it was made of."""
        return self._parts

    @property
    def portfolio(self) -> Portfolio:
        """The portfolio after the last step."""
        return self._portfolio

    @property
    def state(self) -> TradingState:
        """The trading state in force; HALTED from the moment a person asked for it."""
        return TradingState.HALTED if self.sending.is_halted else self._state

    @property
    def last_report(self) -> StepReport | None:
        """The last step's report; None before the first."""
        return self._last_report

    @property
    def last_view(self) -> MarketView | None:
        """The market as the last step saw it."""
        return self._last_view

    @property
    def faults(self) -> int:
        """How many steps failed in a row."""
        return self._faults

    def step(self, cycle: Cycle, notes: tuple[str, ...] = (), requested: Sequence[Decision] = ()) -> StepReport:
        """Run one step, with the exits that a person requested: view, settle, decide, record, send, publish.

        Parameters
        ----------
        notes : tuple of str
            Written on the report before the step's own alerts.

        Raises
        ------
        core.errors.Recoverable
            The feed or the broker failed; nothing was decided, the next step tries again.
        """
        if cycle.as_of is not None:
            return what_if(self._parts, cycle, self._portfolio.equity)
        parts, cycle = self._parts, self._parts.admit(cycle)
        with parts.memory.during_step():
            alerts = tuple(parts.refresh_limits())
            view = self._last_view = parts.feed.view(parts.clock.now())
            if cycle.kind.in_session and not view.market_open:
                cycle = dataclasses.replace(cycle, submits=False)
            settlement, portfolio, ended, found = settle_and_check(parts, self._portfolio, view)
            name, plan = self._decide(view, portfolio, self.state, cycle, requested)
            before = self.state
            report = step_report(
                name,
                view,
                cycle,
                with_pending_orders(plan, cycle),
                parts.config_digest(),
                settlement=settlement,
                notes=(*notes, *alerts, *found),
                watched=parts.watched,
            )
            parts.ledger.record(report)
            parts.broker.acknowledge(settlement.ids)
            self._portfolio, self._last_report = report.plan.portfolio, report
            with self._state_lock:  # a halt meanwhile stands: a step only tightens
                self._state = tighter(self._state, report.plan.state)
            parts.publish_events(report, before)
            self._orders.publish_ended(ended)
            if cycle.submits:
                self._send(plan.approved)
            if cycle.protects:
                parts.broker.protect(plan.protections)
            if not self.sending.is_closed and not self._portfolio.account.restricted:
                parts.protection.update(name, self._portfolio, plan.analysis)
            self._end_of_faults()
            parts.memory.remember(report)
            return report

    def analyse(self, cycle: Cycle) -> AnalysisReport:
        """Ask the team for its analysis; decide and record nothing."""
        view = self._parts.feed.view(cycle.as_of or self._parts.clock.now())
        analysis = self._parts.team.analyse(view, self._portfolio, cycle)
        explained = self._parts.team.explain(view, analysis, [stock.symbol for stock in analysis.ranking])
        return analysis_report(view, replace(explained, signals=analysis.signals))

    def send_proposed(self, approved: Sequence[ApprovedOrder]) -> None:
        """Send orders that are recorded as proposed, as they are sized now.

        The portfolio with them pending and the intent to send them are forced to the disk first.
        """
        orders = tuple(a.order for a in approved)
        self._portfolio = replace(
            self._portfolio,
            pending=(*self._portfolio.pending, *orders),
            trades_today=self._portfolio.trades_today + len(orders),
        )
        self._parts.ledger.save_portfolio(self._portfolio)
        self._parts.ledger.mark_sending(approved)
        self._send(approved)

    def set_state(self, state: TradingState, reason: str) -> None:
        """Change the trading state, write it down, then publish it."""
        self._write_state(self._parts.ledger.set_state, state, reason)

    def begin_flattening(self, reason: str) -> None:
        """Write down at once that everything is to be sold and nothing entered; a later halt stands."""
        with self._state_lock:
            if self.sending.is_halted:
                return
            start, at = self._parts.ledger.start_flattening, self._parts.clock.now()
            if self._state is TradingState.ACTIVE or self._portfolio.account.reduced_by_faults:
                self._write_state(lambda state, reason: start(at, state, reason), TradingState.REDUCING, reason)
            else:
                start(at)

    def end_flattening(self, reason: str) -> None:
        """Write down that everything is sold; the state stays."""
        with self._state_lock:
            self._write_state(self._parts.ledger.end_flattening, self._state, reason)

    def _write_state(self, write: Callable[[TradingState, str], None], state: TradingState, reason: str) -> None:
        with self._state_lock:
            before, self._state = self._state, state
            write(state, reason)
            if state is not TradingState.HALTED:  # a halt comes from any thread, and outranks the faults
                self._portfolio = with_faults(self._portfolio, reduced=False)
        data = {"from": before.value, "to": state.value, "reason": reason}
        self._parts.events.publish("state.changed", self._parts.clock.now(), data)

    def resume(self, reason: str) -> None:
        """Go back to ACTIVE: faults are forgotten, and losses are measured from here on.

        Else the breaker that a person resumes from would trip again at once. Nothing changes when a halt was
        requested later than the resume.
        """
        with self._state_lock:
            if self.sending.is_halted:
                return
            self._faults = 0
            self._portfolio = self._portfolio.rebased()
            self._write_state(self._parts.ledger.end_flattening, TradingState.ACTIVE, reason)

    def record_halt(self, reason: str) -> None:
        """Write down the halt that a person requested; from any thread, beside a running step. A flatten ends.

        Raises
        ------
        core.errors.LedgerError
            It holds in this process, and the next start would not know of it.
        """
        self._write_state(self._parts.ledger.end_flattening, TradingState.HALTED, reason)

    def take_over_cash(self, cash: Decimal) -> None:
        """Let cash be what the broker says, US dollars."""
        self._portfolio = replace(self._portfolio, cash=cash)

    def take_over_account(self, cash: Decimal, positions: Mapping[str, Position]) -> None:
        """Let cash and positions be the broker's; the breakers measure losses from here on."""
        self._portfolio = with_account(self._portfolio, cash, positions)

    def record_fault(self, error: Recoverable, meaning: str = NOTHING_DECIDED) -> None:
        """Count a failed step and publish it; the breaker may tighten the state after several in a row.

        What faults alone made REDUCING ends by itself, with a good step and a clean reconciliation.
        """
        self._faults += 1
        self._parts.account_check.doubt()
        state, alerts = self._parts.risk.on_consecutive_errors(self._faults, self._state)
        at = self._parts.clock.now()
        failed = {"message": f"{meaning}: {error}", "cause": str(error)}  # a job that failed of it says the same
        for alert in (failed, *({"message": message} for message in alerts)):
            self._parts.events.publish("risk.alert", at, {**alert, "faults": self._faults})
        if state is not self._state:
            self.set_state(state, f"{self._faults} steps failed in a row")
            self._portfolio = with_faults(self._portfolio, reduced=True)
            self._parts.ledger.save_portfolio(self._portfolio)

    def clear_faults(self) -> None:
        """Forget the failed steps: one went well."""
        self._faults = 0

    def _end_of_faults(self) -> None:
        """Go back to ACTIVE where only failed steps made it REDUCING, and ledger and account agree."""
        reduced = self._portfolio.account.reduced_by_faults and self._state is TradingState.REDUCING
        if reduced and self._parts.account_check.is_clean:
            self.set_state(TradingState.ACTIVE, "the faults are over: a step went well, ledger and account agree")

    def _send(self, approved: Sequence[ApprovedOrder]) -> None:
        """Send recorded orders, unless a halt came in the meantime; write down what became of each."""
        if not approved:
            return
        if self.sending.is_closed:
            statuses = {a.order.client_order_id: OrderStatus.CANCELLED.value for a in approved}
            reasons: Mapping[str, str] = dict.fromkeys(statuses, HALT_CAME_FIRST)
            self._parts.ledger.update_status(statuses, reasons)
        else:
            try:
                statuses = dict(self._parts.broker.submit(approved))
                reasons = record_statuses(self._parts.broker, self._parts.ledger, statuses)
            except BrokerError as error:  # nothing was sent: what may be on the wire has a status
                self.record_fault(error, NOT_SENT)
                statuses = {a.order.client_order_id: OrderStatus.CANCELLED.value for a in approved}
                reasons = dict.fromkeys(statuses, f"not sent: {error}")
                self._parts.ledger.update_status(statuses, reasons)
            self._portfolio = without_refused_exits(self._portfolio, approved, statuses)
        self._orders.publish_sent(approved, statuses, reasons)

    def _decide(
        self,
        view: MarketView,
        portfolio: Portfolio,
        state: TradingState,
        cycle: Cycle,
        requested: Sequence[Decision] = (),
    ) -> tuple[str, Plan]:
        parts = self._parts
        return decide(view, portfolio, parts.team, parts.risk, state, cycle, parts.config_digest(), requested)
