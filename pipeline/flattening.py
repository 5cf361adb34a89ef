"""A flatten in progress: a state that every step works on until nothing of ours is held, across restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import structlog

from core.cycles import FLATTEN, SETTLE
from core.errors import Recoverable
from core.flattening import FlattenLeft, FlattenProgress
from core.types import Cycle, Order, Side, StepReport
from pipeline.engine import Engine
from pipeline.fault_policy import halting_on_fatal_faults, step_under_policy
from pipeline.settlement import record_statuses

log = structlog.get_logger("engine")
REQUESTED = "flattened by a person"
FLAT = "flattened: nothing of ours is held any more; POST /resume lets it trade again"


@dataclass
class Flattening:
    """Begins a flatten, and works on it in place of the steps that trade.

    A step is `step_under_policy` of what `cycle_of` returns, and then `go_on`: what is settled comes first, so
    that an order that has expired is sent anew and a buy that filled late is sold.
    """

    _alerted: set[str] = field(default_factory=set)

    def begin(self, engine: Engine) -> None:
        """Write the request down; entries stay off. The next FLATTEN begins to sell."""
        engine.begin_flattening(REQUESTED)
        self._alerted.clear()

    def cycle_of(self, engine: Engine, cycle: Cycle) -> Cycle:
        """Return the cycle to step with: a settlement alone where the flatten takes the place of what trades."""
        return SETTLE if self._takes_over(engine, cycle) else cycle

    def go_on(self, engine: Engine, cycle: Cycle, report: StepReport) -> StepReport:
        """Cancel open buys and sell what is held and has no order, where a flatten is in progress.

        Returns
        -------
        StepReport
            Of the sales, or `report` where there were none.
        """
        if not self._takes_over(engine, cycle):
            return report
        with halting_on_fatal_faults(engine):
            self._cancel_buys(engine)
        coming = {order.symbol for order in engine.portfolio.pending}
        symbols = tuple(symbol for symbol in sorted(engine.portfolio.positions) if symbol not in coming)
        if symbols:
            report = step_under_policy(engine, replace(FLATTEN, symbols=symbols))
        if not engine.portfolio.positions and not engine.portfolio.pending:
            engine.end_flattening(FLAT)
        return report

    def _takes_over(self, engine: Engine, cycle: Cycle) -> bool:
        works = cycle.submits or cycle.kind.tends_positions
        return works and not engine.sending.is_closed and engine.parts.ledger.flattening_since() is not None

    def _cancel_buys(self, engine: Engine) -> None:
        """Cancel every open buy; one that cannot be cancelled is published once, and keeps no sale waiting."""
        parts = engine.parts
        for order in parts.broker.open_orders():
            if order.side is not Side.BUY:
                continue
            name = order.client_order_id
            try:
                record_statuses(parts.broker, parts.ledger, {name: parts.broker.cancel(name)})
            except Recoverable as error:
                message = f"The open buy {name} could not be cancelled: {error} Each step tries again."
                log.error("cancel.failed", reason=message)
                if name not in self._alerted:
                    parts.events.publish("risk.alert", parts.clock.now(), {"message": message})
                self._alerted.add(name)


def flatten_progress(engine: Engine) -> FlattenProgress:
    """Return whether a flatten is in progress, and what of ours is left and why; from any thread."""
    since = engine.parts.ledger.flattening_since()
    return FlattenProgress(since=since, left=tuple(_left(engine)) if since is not None else ())


def _left(engine: Engine) -> Iterator[FlattenLeft]:
    portfolio = engine.portfolio
    coming: dict[str, Order] = {order.symbol: order for order in portfolio.pending}
    for symbol in sorted({*portfolio.positions, *coming}):
        held = portfolio.positions.get(symbol)
        reason = _on_its_way(engine, coming[symbol]) if symbol in coming else _not_sold(engine, symbol)
        yield FlattenLeft(symbol=symbol, quantity=held.quantity if held else Decimal(0), reason=reason)


def _on_its_way(engine: Engine, order: Order) -> str:
    if order.client_order_id in engine.parts.broker.doubtful_orders():
        return (
            f"the broker has not said what became of the {order.side.value} {order.client_order_id}; no other "
            "order is sent until it does, or its session is over"
        )
    if order.side is Side.BUY:
        return f"the buy {order.client_order_id} may still fill: its cancellation is asked for in each step"
    return f"its sale {order.client_order_id} is on its way; if it expires, it is sent again"


def _not_sold(engine: Engine, symbol: str) -> str:
    """Say why nothing is on its way for a position."""
    if engine.sending.is_closed:
        return "trading is halted: nothing is sent"
    report = engine.last_report
    refused = next((one for one in report.plan.refused if one.symbol == symbol), None) if report else None
    if refused is not None:
        return f"{refused.rule}: {refused.observed} (limit {refused.limit}); the next step tries again"
    sent = next((a.order for a in report.plan.approved if a.order.symbol == symbol), None) if report else None
    record = engine.parts.ledger.order(sent.client_order_id) if sent else None
    if record is not None and record.reason:
        return f"{record.reason}; the next step tries again"
    return "the next step sells it"
