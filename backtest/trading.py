"""What a run did: its round trips by exit rule, what was refused, and whether it was put to the test at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from backtest.runner import Run
from core.orders import Side
from core.round_trips import RoundTrip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRule:
    """The round trips that one rule ended.

    Attributes
    ----------
    win_rate : float
        Share with a profit above 0 after costs, in [0, 1].
    profit_mean : float
        Mean profit after fees over cost with fees, a fraction.
    profit_usd : float
        All of it, after costs.
    sessions_held_mean : float
        Weekdays from the first buy to the last sale.
    """

    trades: int
    win_rate: float
    profit_mean: float
    profit_usd: float
    sessions_held_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What a run did.

    Attributes
    ----------
    exits : mapping of str to ExitRule
        By the rule that ended the position, the most frequent first.
    refusals : mapping of str to int
        Orders refused, by the limit that refused.
    orders : mapping of str to int
        Orders sent, by what became of them: a rejected or expired one was never filled.
    resumed_on : tuple of str
        When the modelled operator resumed after a breaker: ISO dates.
    """

    buys: int
    sells: int
    round_trips: int
    open_at_end: int
    exits: Mapping[str, ExitRule]
    refusals: Mapping[str, int]
    orders: Mapping[str, int]
    resumed_on: tuple[str, ...]


def describe(run: Run, round_trips: Sequence[RoundTrip], orders: Mapping[str, int]) -> Traded:
    """Sum up what a run did."""
    net: dict[str, Decimal] = defaultdict(Decimal)
    for fill in run.fills:
        net[fill.symbol] += fill.quantity if fill.side is Side.BUY else -fill.quantity
    return Traded(
        buys=sum(fill.side is Side.BUY for fill in run.fills),
        sells=sum(fill.side is Side.SELL for fill in run.fills),
        round_trips=len(round_trips),
        open_at_end=sum(quantity > 0 for quantity in net.values()),
        exits=by_exit_rule(round_trips),
        refusals=dict(sorted(run.refusals.items(), key=lambda item: (-item[1], item[0]))),
        orders=dict(sorted(orders.items())),
        resumed_on=tuple(str(day) for day in run.resumed_at),
    )


def by_exit_rule(round_trips: Sequence[RoundTrip]) -> Mapping[str, ExitRule]:
    """Group round trips by the rule of the sale that ended them."""
    groups: dict[str, list[RoundTrip]] = defaultdict(list)
    for round_trip in round_trips:
        groups[round_trip.exit_rule].append(round_trip)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {rule: _summed(group) for rule, group in ordered}


def unproven(run: Run, traded: Traded) -> Iterator[str]:
    """Warn of what the simulation never did: a run that never trades passes every test."""
    if not traded.buys:
        yield "NOT ONE TRADE: every figure below is that of cash."
    elif not traded.round_trips:
        yield "NOT ONE EXIT: no position was ever closed, so win rate and exit rules say nothing."
    if traded.buys and not traded.refusals:
        yield "NOT ONE REFUSAL: no limit ever said no, so the limits are untested by this run."
    if len(run.sessions) < 2 or not np.ptp(run.equity):
        yield "THE EQUITY NEVER MOVED."


def _summed(round_trips: Sequence[RoundTrip]) -> ExitRule:
    profits = np.array([one.profit_pct for one in round_trips])
    held = [np.busday_count(one.entry_at.date(), one.exit_at.date()) for one in round_trips]
    return ExitRule(
        trades=len(round_trips),
        win_rate=float(np.mean(profits > 0)),
        profit_mean=float(profits.mean()),
        profit_usd=float(sum(one.profit_usd for one in round_trips)),
        sessions_held_mean=float(np.mean(held)),
    )
