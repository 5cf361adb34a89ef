"""What a person is told of a reconciliation, each thing once."""

from __future__ import annotations

from collections.abc import Iterator

from core.account_conditions import AccountConditions
from core.reconciliation import AccountState
from core.types import Portfolio, Settlement, Side

WAYS_OUT = (
    'Three ways out: POST /resume with {{"take_over": ["{name}"]}} accepts the account\'s figure; undo it by '
    "hand at the broker; or leave it as it is."
)


def differences_of(portfolio: Portfolio, account: AccountState, found: AccountConditions) -> tuple[str, ...]:
    """Return what nothing explains, with both figures."""
    cash = (
        (f"cash: the ledger has {portfolio.cash:f} USD, the account {account.cash:f} USD",)
        if found.cash_difference
        else ()
    )
    return (*(entry.description for entry in found.frozen.values() if entry.missing), *cash)


def messages(
    portfolio: Portfolio,
    account: AccountState,
    before: AccountConditions,
    found: AccountConditions,
    explained: Settlement,
) -> Iterator[str]:
    """Return what is new since the conditions before."""
    yield from _of_shares(before, found, explained)
    if found.cash_difference != before.cash_difference:
        yield _of_cash(portfolio, account, found)
    for symbol in sorted({*before.others, *found.others}):
        was, now = before.others.get(symbol, 0), found.others.get(symbol, 0)
        if was != now:
            yield (
                f"The account holds {now:f} {symbol} that are not the engine's ({was:f} before): they are left "
                "alone, never sold and counted nowhere."
                if now
                else f"The account holds no {symbol} any more that are not the engine's ({was:f} before)."
            )
    if found.restricted != before.restricted:
        yield (
            f"The account takes no orders ({found.restricted}): none is sent, stops neither, until the broker "
            "opens it again. What is held stays held. Ask the broker."
            if found.restricted
            else "The account takes orders again."
        )


def _of_shares(before: AccountConditions, found: AccountConditions, explained: Settlement) -> Iterator[str]:
    for fill in explained.fills:
        verb = "sold" if fill.side is Side.SELL else "bought back"
        yield (
            f"A person {verb} {fill.quantity:f} of the engine's {fill.symbol} by hand at {fill.price:f} USD: it "
            "is booked."
        )
    for symbol, entry in found.frozen.items():
        old = before.frozen.get(symbol)
        if old is not None and (old.missing, old.expected) == (entry.missing, entry.expected):
            continue
        if entry.missing:
            yield (
                f"{entry.description}, and nothing explains it. {symbol} is frozen: no order is sent in it, and "
                f"only what the account holds counts. {WAYS_OUT.format(name=symbol)}"
            )
        else:
            yield (
                f"{entry.description}. {symbol} is not bought again; what is left of it keeps its stops. "
                f"{WAYS_OUT.format(name=symbol)}"
            )
    for symbol in before.frozen.keys() - found.frozen.keys():
        yield f"{symbol}: ledger and account agree again; it is traded as before."


def _of_cash(portfolio: Portfolio, account: AccountState, found: AccountConditions) -> str:
    if not found.cash_difference:
        return "Cash: ledger and account agree again; entries are allowed."
    return (
        f"Cash: the ledger has {portfolio.cash:f} USD, the account {account.cash:f} USD, and nothing explains "
        f"{found.cash_difference:+f} USD. Entries stop; exits go on. {WAYS_OUT.format(name='cash')}"
    )
