"""The letter's figures from the records: costs, tracking difference and its causes, and what was missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from core.letter import Cause, Costs, FillLine, OrderLine, RefusedLine
from core.orders import SPLIT
from core.service import OrderRecord
from core.times import NEW_YORK
from core.trading import ZERO
from core.types import CashMovement, Fill, OrderStatus, Side, StepReport

BPS = 10_000.0
GAP_MAX = timedelta(minutes=20)
"""A risk check comes each 5 minutes: a longer stretch without a step has missed some."""
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


class Activity(NamedTuple):
    """What an account did since a moment."""

    executions: Sequence[Execution]
    movements: Sequence[CashMovement]


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


def fill_lines(executions: Sequence[Execution]) -> tuple[FillLine, ...]:
    """Return each trade with its cost."""
    return tuple(
        FillLine(
            symbol=fill.symbol,
            side=fill.side.value,
            quantity=float(fill.quantity),
            price=float(fill.price),
            reference_price=float(reference),
            cost_bps=float((fill.price / reference - 1) * (1 if fill.side is Side.BUY else -1)) * BPS,
            fee=float(fill.fee),
            rule=fill.rule,
        )
        for fill, reference in trades_of(executions)
    )


def causes_of(
    account: Activity, other: Activity, difference_usd: float, failed: int, missed: int
) -> tuple[Cause, ...]:
    """Return what a tracking difference is made of: money line by line, and the rest.

    Parameters
    ----------
    failed, missed : int
        Orders of the account that came to nothing, and stretches without a step; what they cost is in the rest.
    """
    told = {
        "slippage": float(_cost(other) - _cost(account)),
        "fees": float(_fees(other) - _fees(account)),
        "dividends and other cash": float(_paid(account) - _paid(other)),
    }
    notes = {
        "slippage": f"{len(trades_of(account.executions))} fills against {len(trades_of(other.executions))}",
        "fees": "paid to the broker",
        "dividends and other cash": f"{len(account.movements)} movements against {len(other.movements)}",
    }
    known = tuple(Cause(name=name, usd=usd, note=notes[name]) for name, usd in told.items())
    return (
        *known,
        Cause(name="orders that came to nothing", usd=None, note=str(failed)),
        Cause(name="missed steps, stale or faulty data", usd=None, note=str(missed)),
        Cause(name="rest", usd=difference_usd - sum(told.values()), note="what the lines above do not tell"),
    )


def missed_stretches(
    steps: Sequence[StepReport], opens_at: datetime, closes_at: datetime, gap_max: timedelta = GAP_MAX
) -> Iterator[str]:
    """Name the stretches of a session without a step, and the steps on stale or faulty data."""
    inside = [opens_at, *(s.as_of for s in steps if opens_at <= s.as_of <= closes_at), closes_at]
    for before, after in pairwise(inside):
        if after - before > gap_max:
            yield f"no step from {_clock(before)} to {_clock(after)} New York"
    faulty = [step for step in steps if step.feed_fault]
    if faulty:
        yield f"{len(faulty)} steps on a feed that could not be trusted: {faulty[0].feed_fault}"
    stale: Counter[str] = Counter(
        symbol for step in steps if opens_at < step.as_of < closes_at for symbol in step.stale
    )
    if stale:
        names = ", ".join(f"{symbol} ({count})" for symbol, count in sorted(stale.items())[:10])
        yield f"left out as stale, with the number of steps: {names}"


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


def returns_to_date(
    account: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]]
) -> tuple[float, float, float] | None:
    """Return both returns over the closes they have in common, and the account's equity at the first.

    Parameters
    ----------
    account, other : mapping of str to (float, float)
        Equity and what was paid in since the close before, by session, oldest first.

    Returns
    -------
    tuple of (float, float, float) or None
        None with fewer than two closes in common.
    """
    both = [session for session in account if session in other]
    if len(both) < 2:
        return None
    return _grown(account, both), _grown(other, both), account[both[0]][0]


def _grown(closes: Mapping[str, tuple[float, float]], both: Sequence[str]) -> float:
    sessions, factor, last = list(closes), 1.0, closes[both[0]][0]
    for session in sessions[sessions.index(both[0]) + 1 : sessions.index(both[-1]) + 1]:
        equity, paid_in = closes[session]
        factor, last = factor * (equity - paid_in) / last, equity
    return factor - 1.0


def _cost(books: Activity) -> Decimal:
    return sum((one.cost_usd for one in trades_of(books.executions)), ZERO)


def _fees(books: Activity) -> Decimal:
    return sum((one.fill.fee for one in trades_of(books.executions)), ZERO)


def _paid(books: Activity) -> Decimal:
    return sum((moved.amount for moved in books.movements if not moved.is_external), ZERO)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%H:%M}"
