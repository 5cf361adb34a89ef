"""The letter's figures from the records: costs, what was sent and refused, and what was missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from core.letter import Costs, FillLine, OrderLine, RefusedLine
from core.orders import SPLIT
from core.service import OrderRecord
from core.times import NEW_YORK
from core.trading import ZERO
from core.types import Fill, OrderStatus, Side, StepReport

BPS = 10_000.0
GAP_MAX = timedelta(minutes=20)
"""A risk check comes each 5 minutes: a longer stretch without a step has missed some."""
STALE_NAMED_MAX = 10
NOT_EXECUTED = (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


class Execution(NamedTuple):
    """A fill, and the price that its order's decision stood on."""

    fill: Fill
    reference_price: Decimal

    @property
    def cost_usd(self) -> Decimal:
        """What it cost against that price: positive is worse."""
        worse = self.fill.price - self.reference_price
        return self.fill.quantity * (worse if self.fill.side is Side.BUY else -worse)


def trades_of(executions: Sequence[Execution]) -> list[Execution]:
    """Leave out what is no trade: splits."""
    return [one for one in executions if one.fill.rule != SPLIT and one.reference_price > 0]


def costs(executions: Sequence[Execution], assumed_bps: float) -> Costs:
    """Return what trades cost; weighted by their value at the reference prices."""
    trades = trades_of(executions)
    value = sum((one.fill.quantity * one.reference_price for one in trades), ZERO)
    cost = sum((one.cost_usd for one in trades), ZERO)
    return Costs(
        fills=len(trades),
        value_usd=float(value),
        assumed_bps=assumed_bps,
        seen_bps=float(cost / value) * BPS if value else None,
        cost_usd=float(cost),
        fees_usd=float(sum((one.fill.fee for one in trades), ZERO)),
    )


def fill_lines(executions: Sequence[Execution], assumed_bps: float) -> tuple[FillLine, ...]:
    """Return each trade with its cost, against its decision's price and against what is assumed."""
    return tuple(_fill_line(one, assumed_bps) for one in trades_of(executions))


def _fill_line(one: Execution, assumed_bps: float) -> FillLine:
    fill, cost_bps = one.fill, float(one.cost_usd / (one.fill.quantity * one.reference_price)) * BPS
    return FillLine(
        symbol=fill.symbol,
        side=fill.side.value,
        quantity=float(fill.quantity),
        price=float(fill.price),
        reference_price=float(one.reference_price),
        cost_bps=cost_bps,
        over_assumed_bps=cost_bps - assumed_bps,
        fee=float(fill.fee),
        rule=fill.rule,
    )


def missed_stretches(
    steps: Sequence[StepReport], opens_at: datetime, closes_at: datetime, gap_max: timedelta = GAP_MAX
) -> Iterator[str]:
    """Name the stretches of a session without a step."""
    inside = [opens_at, *(s.as_of for s in steps if opens_at <= s.as_of <= closes_at), closes_at]
    for before, after in pairwise(inside):
        if after - before > gap_max:
            yield f"no step from {_clock(before)} to {_clock(after)} New York"


def doubts(steps: Sequence[StepReport], opens_at: datetime, closes_at: datetime) -> Iterator[str]:
    """Name what was decided on a faulty feed, and what was left out as stale while the exchange was open."""
    faults = [step.feed_fault for step in steps if step.feed_fault]
    if faults:
        yield f"{len(faults)} steps on a feed that could not be trusted: {faults[0]}"
    stale: Counter[str] = Counter(
        symbol for step in steps if opens_at < step.as_of < closes_at for symbol in step.stale
    )
    if stale:
        names = ", ".join(f"{symbol} ({count})" for symbol, count in sorted(stale.items())[:STALE_NAMED_MAX])
        more = f" and {len(stale) - STALE_NAMED_MAX} more" if len(stale) > STALE_NAMED_MAX else ""
        yield f"left out as stale, with the number of steps: {names}{more}"


def stale_steps(steps: Sequence[StepReport], opens_at: datetime, closes_at: datetime) -> int:
    """Count the steps of a session that saw a faulty feed or left something out as stale."""
    return sum(bool(step.feed_fault or (opens_at < step.as_of < closes_at and step.stale)) for step in steps)


def refused_lines(steps: Sequence[StepReport], orders: Sequence[OrderRecord]) -> tuple[RefusedLine, ...]:
    """Return what limits stopped and what came to nothing at the broker, each once with how often."""
    found: Counter[tuple[str, str, str]] = Counter()
    for step in steps:
        if step.cycle.submits:
            found.update((r.symbol, r.side.value, r.rule) for r in step.plan.refused)
    found.update(
        (order.symbol, order.side.value, f"{order.status.value}: {order.reason or 'no reason given'}")
        for order in orders
        if order.status in NOT_EXECUTED
    )
    return tuple(
        RefusedLine(symbol=symbol, side=side, reason=reason, times=times)
        for (symbol, side, reason), times in sorted(found.items())
    )


def sent_lines(orders: Sequence[OrderRecord]) -> tuple[OrderLine, ...]:
    """Return the orders that were sent, in their order."""
    return tuple(
        OrderLine(
            symbol=order.symbol,
            side=order.side.value,
            quantity=float(order.quantity),
            reference_price=float(order.reference_price),
            rule=order.rule,
            status=order.status.value,
        )
        for order in orders
        if order.status is not OrderStatus.PROPOSED
    )


def tomorrow_lines(steps: Sequence[StepReport], closes_at: datetime) -> tuple[OrderLine, ...]:
    """Return what the last decision after the close would send."""
    last = next((s for s in reversed(steps) if s.as_of >= closes_at and s.cycle.kind.decides), None)
    return tuple(
        OrderLine(
            symbol=order.symbol,
            side=order.side.value,
            quantity=float(order.quantity),
            reference_price=float(order.reference_price),
            rule=order.rule,
            status=OrderStatus.PROPOSED.value,
        )
        for order in (approved.order for approved in (last.plan.approved if last else ()))
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%H:%M}"
