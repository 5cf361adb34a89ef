"""Reconciliation within the step: when it is due, what it books, and what it leaves in force."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from msgspec import UNSET
from msgspec.structs import replace

from core.account_conditions import NO_CONDITIONS, AccountConditions
from core.loss_sales import TaxLots
from core.reconciliation import AccountSource, AccountState, Reconciliation
from core.times import market_date
from core.types import CashMovement, Fill, MarketView, Portfolio, Settlement
from pipeline.account_comparison import compare, explain, person_flow
from pipeline.conditions import under_conditions, with_conditions, without_missing
from pipeline.portfolio_changes import apply_settlement
from pipeline.reconciliation_messages import differences_of, messages
from pipeline.reports import NOTHING_SETTLED
from pipeline.settlement import EndedOrder, settle
from pipeline.take_over import take_over

if TYPE_CHECKING:
    from pipeline.dependencies import EngineDependencies

WHILE_HELD = timedelta(minutes=5) - timedelta(seconds=10)
"""A little less than the job's five minutes, so that a job which is a moment early does not wait for the next."""
WHILE_FLAT = timedelta(hours=1) - timedelta(seconds=10)
AN_HOUR_MAX = 12
PUT_OFF_MAX = 3
"""So often in a row an account whose shares do not add up is asked again before what it says is believed."""
MESSAGES_KEPT_MAX = 1000


class KnownMoney(Protocol):
    """Says what of a settlement is not booked yet."""

    def new_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Keep the fills that no recorded step has booked yet."""
        ...

    def new_cash_movements(self, movements: Sequence[CashMovement]) -> tuple[CashMovement, ...]:
        """Keep the cash movements that no recorded step has booked yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check made of the portfolio.

    Attributes
    ----------
    settlement : Settlement
        What it booked beyond the broker's own settlement.
    notes : tuple of str
        What a person is told.
    """

    portfolio: Portfolio
    settlement: Settlement = NOTHING_SETTLED
    notes: tuple[str, ...] = ()


class NoAccountCheck:
    """For a broker whose account nobody else changes."""

    last: Reconciliation | None = None
    compares = False
    is_clean = True

    def doubt(self) -> None:
        """Nothing is in doubt."""

    def accept(self, names: Collection[str]) -> None:
        """There is nothing to take over."""

    def check(self, portfolio: Portfolio, view: MarketView) -> Checked:  # noqa: ARG002  nothing depends on it
        """Return the portfolio without conditions of another broker's account."""
        faults = replace(NO_CONDITIONS, reduced_by_faults=portfolio.account.reduced_by_faults)
        return Checked(portfolio=with_conditions(portfolio, faults))


class AccountCheck:
    """Compares the ledger with the account when it is due.

    It is due at the first step of a session, each five minutes while anything is held or on its way (else each
    hour), and after any doubt: a start, a failed step, a stream that came back, a trade that is not the engine's,
    a difference, a person's resume. At most `AN_HOUR_MAX` times an hour by the clock, so that the broker is asked
    no oftener for each kind.

    Parameters
    ----------
    tolerance_pct : float
        Share of equity by which cash may differ.
    person_pays_in : bool
        Whether all of the account's cash is the engine's.
    since : datetime
        When the engine first looked at the account: a person's trades before it are in its opening figures.
    """

    def __init__(
        self,
        source: AccountSource,
        ledger: KnownMoney,
        *,
        tolerance_pct: float,
        person_pays_in: bool,
        since: datetime,
    ) -> None:
        self.last: Reconciliation | None = None
        self.compares = True
        self._accepted: frozenset[str] = frozenset()
        self._source = source
        self._ledger = ledger
        self._tolerance_pct = tolerance_pct
        self._person_pays_in = person_pays_in
        self._since = since
        self._in_doubt = True
        self._signs: Hashable = None
        self._day: date | None = None
        self._hour: tuple[datetime, int] = (since, 0)
        self._published: dict[str, None] = {}
        self._waiting: dict[str, str] = {}
        self._put_off = 0

    @property
    def is_clean(self) -> bool:
        """Whether the last check is newer than any doubt and found that the two agree."""
        return not self._in_doubt and self.last is not None and not self.last.differences

    def doubt(self) -> None:
        """Let the next step compare."""
        self._in_doubt = True

    def accept(self, names: Collection[str]) -> None:
        """Let the next check take over what a person named."""
        self._accepted, self._in_doubt = frozenset(names), True

    def check(self, portfolio: Portfolio, view: MarketView) -> Checked:
        """Compare when it is due.

        Parameters
        ----------
        portfolio : Portfolio
            As the ledger has it (`without_missing`), after the broker's settlement.

        Raises
        ------
        core.errors.BrokerError
            When the account cannot be asked; it is tried again with the next step.
        """
        as_of = view.as_of
        if not self._is_due(portfolio, as_of):
            return Checked(portfolio=under_conditions(portfolio, portfolio.account))
        self._count(as_of)
        self._in_doubt = True  # until it is done
        account = self._source.account_state()
        if account.incomplete and self._put_off < PUT_OFF_MAX:
            self._put_off += 1
            told = (
                f"{account.incomplete}: nothing is concluded from it, and it is asked again with the next step."
            )
            notes = (told,) if self._put_off == 1 else ()
            return Checked(portfolio=under_conditions(portfolio, portfolio.account), notes=notes)
        self._put_off = 0
        done = self._compared(portfolio, account, view)
        self._signs, self._day = self._source.signs(), market_date(as_of)
        self._in_doubt = bool(self._waiting or (self.last and self.last.differences))
        self._accepted = frozenset()
        return done

    def _compared(self, portfolio: Portfolio, account: AccountState, view: MarketView) -> Checked:
        before = portfolio.account
        foreign = self._not_booked([fill for fill in account.foreign_fills if fill.at > self._since])
        explained = explain(portfolio, account, foreign, person_pays_in=self._person_pays_in)
        explained = Settlement(
            fills=explained.fills, cash_movements=self._ledger.new_cash_movements(explained.cash_movements)
        )
        whole = apply_settlement(portfolio, explained, market_date)
        found = self._conditions(whole, account, view, explained.fills)
        if self._accepted:
            taken = take_over(whole, account, found, self._accepted, view)
            whole = apply_settlement(_agreed(whole, found, self._accepted), taken, market_date)
            found = self._conditions(whole, account, view, ())
            explained = joined(explained, taken)
        self.last = Reconciliation(
            at=view.as_of, differences=differences_of(whole, account, found), cash=whole.cash,
            account_cash=account.cash, conditions=found, foreign_orders=account.foreign_orders,
        )  # fmt: skip
        own = {order.symbol for order in portfolio.pending}
        self._waiting = {
            fill.fill_id: f"A person traded {fill.symbol} by hand while an order of the engine's in it is on its "
            "way: it is booked once that has ended."
            for fill in foreign
            if fill.symbol in own
        }
        notes = (*messages(whole, account, before, found, explained), *self._of_others(account))
        return Checked(portfolio=under_conditions(whole, found), settlement=explained, notes=notes)

    def _not_booked(self, fills: Sequence[Fill]) -> list[Fill]:
        """Keep a person's fills of which neither the trade nor the flow of cash is booked: never both are."""
        fresh = [(person_flow(fill, fill.quantity * fill.price), fill) for fill in self._ledger.new_fills(fills)]
        unmoved = {flow.movement_id for flow in self._ledger.new_cash_movements([flow for flow, _ in fresh])}
        return [fill for flow, fill in fresh if flow.movement_id in unmoved]

    def _conditions(
        self, whole: Portfolio, account: AccountState, view: MarketView, by_hand: Sequence[Fill]
    ) -> AccountConditions:
        tolerance = Decimal(repr(self._tolerance_pct)) * abs(whole.equity)
        return compare(
            whole, account, view.as_of, tolerance, by_hand=by_hand, person_pays_in=self._person_pays_in
        )

    def _is_due(self, portfolio: Portfolio, as_of: datetime) -> bool:
        if self._accepted:  # a person's word waits for nothing
            return True
        if self._hour[0] == _hour_of(as_of) and self._hour[1] >= AN_HOUR_MAX:
            return False
        if self._in_doubt or self.last is None or self._source.signs() != self._signs:
            return True
        active = portfolio.positions or portfolio.pending
        waited = as_of - self.last.at
        return market_date(as_of) != self._day or waited >= (WHILE_HELD if active else WHILE_FLAT)

    def _count(self, as_of: datetime) -> None:
        hour = _hour_of(as_of)
        self._hour = (hour, self._hour[1] + 1 if self._hour[0] == hour else 1)

    def _of_others(self, account: AccountState) -> list[str]:
        """Return what is told of a person's orders and of odd activities, each once."""
        news = {**account.notices, **self._waiting}
        for order in account.foreign_orders:
            news[order.client_order_id] = (
                f"An order that is not the engine's is open at the broker ({order.side.value} {order.quantity:f} "
                f"{order.symbol}): it is left alone, and shares it holds back are not sold."
            )
        fresh = [name for name in news if name not in self._published]
        self._published.update(dict.fromkeys(fresh))
        while len(self._published) > MESSAGES_KEPT_MAX:
            del self._published[next(iter(self._published))]
        return [news[name] for name in fresh]


def _agreed(whole: Portfolio, found: AccountConditions, names: Collection[str]) -> Portfolio:
    """Return the portfolio of which a person accepted what is frozen."""
    frozen = {symbol: entry for symbol, entry in found.frozen.items() if symbol not in names}
    return with_conditions(whole, replace(found, frozen=frozen))


def joined(one: Settlement, more: Settlement) -> Settlement:
    """Return two settlements as one."""
    return Settlement(
        fills=(*one.fills, *more.fills),
        cash_movements=(*one.cash_movements, *more.cash_movements),
        actions=(*one.actions, *more.actions),
    )


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def settle_and_check(
    parts: EngineDependencies, portfolio: Portfolio, view: MarketView
) -> tuple[Settlement, Portfolio, tuple[EndedOrder, ...], tuple[str, ...]]:
    """Book what the broker says, then compare with the account when that is due.

    Returns
    -------
    tuple of (Settlement, Portfolio, tuple of EndedOrder, tuple of str)
        All that is new, the portfolio after it, orders that ended unexecuted, and what a person is told.
    """
    settled, whole, ended = settle(parts.broker, parts.ledger, without_missing(portfolio), view)
    checked = parts.account_check.check(whole, view)
    more = checked.settlement
    if more.ids:
        settled = joined(settled, more)
    return settled, _with_lots(parts.lots, checked.portfolio, settled, view), ended, checked.notes


def _with_lots(lots: TaxLots, whole: Portfolio, settled: Settlement, view: MarketView) -> Portfolio:
    today = market_date(view.as_of)
    losses, replacing = lots.losses_after(settled.fills, today) or UNSET, lots.replacing_lots(today) or UNSET
    same = whole.loss_sales == losses and whole.replacing_lots == replacing
    return whole if same else replace(whole, loss_sales=losses, replacing_lots=replacing)
