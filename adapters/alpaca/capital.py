"""How much of an account's cash is the engine's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from config.broker import BrokerSettings
from core.money import to_cents, to_decimal
from core.trading import ZERO
from core.types import CashKind, CashMovement, Fill, Portfolio

CAPITAL = "capital"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """The engine's part of an account.

    Attributes
    ----------
    usd : Decimal or None
        What it is given, US dollars; what a person pays in or out of the account is then a person's. None where a
        share of the account is the engine's.
    share : Decimal
        Of the account's cash, and of what is paid in or out, in (0, 1].
    """

    usd: Decimal | None = None
    share: Decimal = Decimal(1)

    @property
    def is_whole(self) -> bool:
        """Whether all of the account's cash is the engine's."""
        return self.usd is None and self.share == 1

    def opening(self, cash: Decimal) -> Decimal:
        """Return what the engine begins with, of an account's cash."""
        return to_cents(cash * self.share) if self.usd is None else min(self.usd, cash)

    def of_flow(self, amount: Decimal) -> Decimal:
        """Return the engine's part of cash that came or went for no trade of its own."""
        return to_cents(amount * self.share) if self.usd is None else ZERO


WHOLE_ACCOUNT = Capital()


class CapitalMoves(Protocol):
    """What the ledger knows of the engine's part."""

    def portfolio(self) -> Portfolio | None:
        """Return the portfolio after the last step recorded."""
        ...

    def capital_given(self) -> Decimal | None:
        """Return what the engine began with and was paid in since, US dollars; None before the first step."""
        ...

    def cash_booked(self, movement_id: str) -> Sequence[Decimal]:
        """Return the amounts booked under a movement's id and those that followed it (ID#1, ...)."""
        ...

    def new_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Return those fills that the ledger does not hold yet."""
        ...

    def new_cash_movements(self, movements: Sequence[CashMovement]) -> tuple[CashMovement, ...]:
        """Return those cash movements that the ledger does not hold yet."""
        ...


class CapitalChange:
    """Brings what the engine has been given to `capital_usd` after a start, as cash paid in or out: no profit.

    As much is moved as can be: what is paid in is cash of the account that is not the engine's, what is paid out
    is the engine's own cash. The rest is told, and moves at a later start.

    Parameters
    ----------
    usd : Decimal
        What the engine is to have been given in all, US dollars.
    account_cash : callable
        Asks for the account's cash.
    """

    def __init__(self, usd: Decimal, ledger: CapitalMoves, account_cash: Callable[[], Decimal]) -> None:
        self._usd = usd
        self._ledger = ledger
        self._account_cash = account_cash
        self._count = len(ledger.cash_booked(CAPITAL))
        self._is_done = False
        self._note = ""

    def notes(self) -> tuple[str, ...]:
        """Return what the setting says and is not so, in words."""
        return (self._note,) if self._note else ()

    def settle(
        self, fills: Sequence[Fill], flows: Sequence[CashMovement], at: datetime
    ) -> tuple[CashMovement, ...]:
        """Return the movement that is due, until the ledger has it.

        Parameters
        ----------
        fills, flows : sequence
            What the step books beside it: while any of it is new, what cash is free is not known.
        """
        if self._is_done:
            return ()
        given, portfolio = self._ledger.capital_given(), self._ledger.portfolio()
        if given is None or portfolio is None or portfolio.pending:
            return ()
        if self._ledger.new_fills(fills) or self._ledger.new_cash_movements(flows):
            return ()
        due, count = self._usd - given, len(self._ledger.cash_booked(CAPITAL))
        self._is_done = not due or count > self._count
        if self._is_done:
            return ()
        amount = self._possible(due, portfolio.cash)
        if amount != due:
            self._note = _rest(self._usd, given + amount, due - amount)
        self._is_done = not amount
        if not amount:
            return ()
        return (
            CashMovement(
                movement_id=f"{CAPITAL}#{count}" if count else CAPITAL,
                kind=CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL,
                symbol=None,
                amount=amount,
                at=at,
                note=f"broker.capital_usd is {self._usd} USD now: the engine had been given {given} USD",
            ),
        )

    def _possible(self, due: Decimal, cash: Decimal) -> Decimal:
        if due > 0:
            return min(due, max(self._account_cash() - cash, ZERO))
        return max(due, -max(cash, ZERO))


def _rest(usd: Decimal, given: Decimal, rest: Decimal) -> str:
    if rest > 0:
        what = f"the account has no cash for the other {rest} USD: pay it in, then restart"
    else:
        what = f"{-rest} USD of it are in shares: free them with POST /sell or /flatten, then restart"
    return f"broker.capital_usd is {usd} USD and the engine has been given {given} USD; {what}"


def capital_of(settings: BrokerSettings) -> Capital:
    """Return the engine's part as the settings name it."""
    usd = settings.capital_usd
    return Capital(usd=None if usd is None else to_decimal(usd), share=to_decimal(settings.capital_share))
