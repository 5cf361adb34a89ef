"""The account against its own profile on paper, from both ledgers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from analysis.letter import NOT_EXECUTED, Execution
from analysis.tracking import Activity, Closes, Disturbances, causes_of, returns_to_date
from core.cycles import RECOVER
from core.letter import Tracking
from core.times import NEW_YORK
from core.types import StepReport
from daemon.wiring.letter_differences import alike, difference, same


class Kept(NamedTuple):
    """What is kept of an account: its ledger, its closes, and its steps of the session."""

    ledger: SqliteLedger
    closes: Closes
    steps: Sequence[StepReport]


def tracking_of(account: Kept, other: Kept, name: str, until: datetime, missed: int, stale: int) -> Tracking:
    """Return the tracking difference up to a moment.

    Parameters
    ----------
    name : str
        The shadow book's.
    missed, stale : int
        Stretches of the session without a step; steps of it on stale or faulty data.
    """
    tracking = _compared(account.steps, other.steps, name)
    found = returns_to_date(account.closes, other.closes)
    if found is None:
        return tracking
    since = _end_of(min(set(account.closes) & set(other.closes)))
    scale = found.account_equity / found.other_equity if found.other_equity else 0.0
    failed = {o.symbol for o in account.ledger.orders_between(since, until) if o.status in NOT_EXECUTED}
    own, its = (_activity(one.ledger, since, until, by) for one, by in ((account, 1.0), (other, scale)))
    difference_usd = (found.account - found.other) * found.account_equity
    return replace(
        tracking,
        account_return=found.account,
        shadow_book_return=found.other,
        difference_usd=difference_usd,
        causes=causes_of(
            own, its, last_prices(own, its, (account, other)), difference_usd, Disturbances(failed, missed, stale)
        ),
    )


def _compared(steps: Sequence[StepReport], others: Sequence[StepReport], name: str) -> Tracking:
    """Return how many steps of the account are the shadow book's too, looking at one pair at a time."""
    twins = {(step.as_of, step.cycle.name): place for place, step in enumerate(others)}
    looked_at = equal = like = 0
    first_difference = ""
    for mine in steps:
        if mine.cycle == RECOVER:
            continue
        place = twins.get((mine.as_of, mine.cycle.name))
        its = None if place is None else others[place]
        is_same = same(mine, its)
        looked_at, equal, like = looked_at + 1, equal + is_same, like + alike(mine, its)
        first_difference = first_difference or ("" if is_same else difference(mine, its))
    return Tracking(
        against=name, steps=looked_at, equal_steps=equal, alike_steps=like, first_difference=first_difference
    )


def executions(ledger: SqliteLedger, begin: datetime, end: datetime) -> tuple[Execution, ...]:
    """Return a ledger's fills with the prices their decisions stood on."""
    return tuple(Execution(fill, reference) for fill, reference in ledger.executions(begin, end))


def last_prices(own: Activity, its: Activity, kept: Sequence[Kept]) -> Mapping[str, Decimal]:
    """Return each traded symbol's last price: as it is held, else of its last fill."""
    prices: dict[str, Decimal] = {}
    for fill, _ in sorted([*own.trades, *its.trades], key=lambda one: one.fill.at):
        prices[fill.symbol] = fill.price
    for one in kept:
        held = one.steps[-1].plan.portfolio.positions if one.steps else {}
        prices |= {symbol: position.last_price for symbol, position in held.items()}
    return prices


def _activity(ledger: SqliteLedger, since: datetime, until: datetime, scale: float) -> Activity:
    return Activity(executions(ledger, since, until), ledger.movements_between(since, until), scale)


def _end_of(session: str) -> datetime:
    return datetime.combine(date.fromisoformat(session) + timedelta(days=1), time.min, NEW_YORK)
