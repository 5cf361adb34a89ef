"""Closed trades with their costs and reasons, and what groups of them earned. Sums are exact to the cent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from core.ids import is_protective
from core.money import to_cents
from core.orders import SPLIT, TAKE_PROFIT, Fill, Side
from core.round_trips import RoundTrip, RoundTripTracker
from core.times import market_date
from core.trading import ZERO
from core.trading_history import ClosedTrade, GroupResult, OrderFacts
from core.types import CashMovement

DAY_SECONDS = 86_400
NOBODY = "nobody voted"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AgentOf = Callable[[str, str], str]


def closed_trades(
    fills: Sequence[Fill],
    movements: Sequence[CashMovement],
    orders: Mapping[str, OrderFacts],
    sector_of: Mapping[str, str],
    agent_of: AgentOf,
) -> tuple[ClosedTrade, ...]:
    """Pair fills into closed trades, in the order in which they closed.

    Parameters
    ----------
    fills, movements : sequence
        All of the ledger, in the order in which it booked them.
    orders : mapping of str to OrderFacts
        By client_order_id; a fill without one has no slippage.
    agent_of : callable
        Whose vote weighed most for a symbol, given the decision's id and the symbol.
    """
    tracker, waiting = RoundTripTracker(), list(reversed(movements))
    behind: dict[str, list[Fill]] = {}
    closed: list[ClosedTrade] = []
    for fill in fills:
        while waiting and waiting[-1].at <= fill.at:
            tracker.pay(waiting.pop())
        if fill.rule != SPLIT and (fill.side is Side.BUY or fill.symbol in behind):
            behind.setdefault(fill.symbol, []).append(fill)
        round_trip = tracker.add(fill)
        if round_trip is not None:
            parts = tuple(behind.pop(fill.symbol))
            sector = sector_of.get(fill.symbol, "")
            closed.append(_trade(len(closed) + 1, round_trip, parts, orders, sector, agent_of))
    return tuple(closed)


def slippage_usd(fill: Fill, orders: Mapping[str, OrderFacts]) -> Decimal:
    """Return how much worse than the price its decision stood on a fill traded, US dollars; negative for better.

    Implementation shortfall of the part that traded (Perold 1988). 0 where no order is known, and for a resting
    target, whose order's reference is its stop.
    """
    facts = orders.get(fill.client_order_id)
    resting_target = is_protective(fill.client_order_id) and fill.rule == TAKE_PROFIT
    if facts is None or not facts.reference_price or not fill.price or resting_target:
        return ZERO
    worse = fill.price - facts.reference_price
    return to_cents(fill.quantity * (worse if fill.side is Side.BUY else -worse))


def leading_agent(votes: Iterable[tuple[str, float, float]]) -> str:
    """Return the agent whose score times weight is largest; empty where none is above 0.

    Parameters
    ----------
    votes : iterable of (agent, score, weight)
    """
    weighed = [(score * weight, agent) for agent, score, weight in votes]
    pushed, agent = max(weighed, default=(0.0, ""))
    return agent if pushed > 0 else ""


def _trade(
    number: int,
    found: RoundTrip,
    fills: tuple[Fill, ...],
    orders: Mapping[str, OrderFacts],
    sector: str,
    agent_of: AgentOf,
) -> ClosedTrade:
    entry, last = (orders.get(fill.client_order_id) for fill in (fills[0], fills[-1]))
    entry_id = entry.decision_id if entry else ""
    return ClosedTrade(
        number=number,
        symbol=found.symbol,
        sector=sector,
        quantity=found.quantity,
        entry_at=found.entry_at,
        entry_price=found.entry_price,
        exit_at=found.exit_at,
        exit_price=found.exit_price,
        profit_usd=found.profit_usd,
        profit_pct=found.profit_pct,
        dividends_usd=found.dividends_usd,
        fees_usd=sum((fill.fee for fill in fills), ZERO),
        slippage_usd=sum((slippage_usd(fill, orders) for fill in fills), ZERO),
        holding_days=(found.exit_at - found.entry_at).total_seconds() / DAY_SECONDS,
        entry_rule=fills[0].rule,
        exit_rule=found.exit_rule,
        agent=agent_of(entry_id, found.symbol) if entry_id else "",
        entry_decision_id=entry_id,
        exit_decision_id=last.decision_id if last else "",
        fills=fills,
    )


def _weekday(trade: ClosedTrade) -> str:
    return WEEKDAYS[market_date(trade.exit_at).weekday()]


GROUPINGS: Mapping[str, Callable[[ClosedTrade], str]] = {
    "ticker": lambda trade: trade.symbol,
    "sector": lambda trade: trade.sector or "no sector",
    "agent": lambda trade: trade.agent or NOBODY,
    "exit_rule": lambda trade: trade.exit_rule,
    "weekday": _weekday,
}
"""By what trades are grouped: each trade is in one group of each; the weekday is that of the last sale."""


def performance(trades: Sequence[ClosedTrade]) -> Mapping[str, tuple[GroupResult, ...]]:
    """Return what each group earned, best first; each grouping adds up to the trades' profit."""
    return {grouping: _groups(trades, name_of) for grouping, name_of in GROUPINGS.items()}


def _groups(trades: Sequence[ClosedTrade], name_of: Callable[[ClosedTrade], str]) -> tuple[GroupResult, ...]:
    members: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        members.setdefault(name_of(trade), []).append(trade)
    found = [_result(name, those) for name, those in members.items()]
    return tuple(sorted(found, key=lambda group: (-group.profit_usd, group.name)))


def _result(name: str, trades: Sequence[ClosedTrade]) -> GroupResult:
    return GroupResult(
        name=name,
        trades=len(trades),
        won=sum(trade.profit_usd > 0 for trade in trades),
        profit_usd=sum((trade.profit_usd for trade in trades), ZERO),
        fees_usd=sum((trade.fees_usd for trade in trades), ZERO),
        slippage_usd=sum((trade.slippage_usd for trade in trades), ZERO),
        dividends_usd=sum((trade.dividends_usd for trade in trades), ZERO),
        return_mean_pct=sum(trade.profit_pct for trade in trades) / len(trades),
        holding_days_mean=sum(trade.holding_days for trade in trades) / len(trades),
    )
