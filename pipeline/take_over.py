"""What a person may name in a resume, and how it is booked: at no profit or loss. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal

from core.account_conditions import AccountConditions
from core.money import to_cents, to_price
from core.reconciliation import AccountState
from core.trading import ZERO
from core.types import CashKind, CashMovement, Fill, MarketView, Portfolio, Settlement, Side

CASH = "cash"
RULE = "taken_over"


def offers(conditions: AccountConditions) -> dict[str, str]:
    """Return what a resume would take over if it were named, in words, by name."""
    out = {}
    for symbol, shares in conditions.others.items():
        out[symbol] = f"{shares:f} {symbol} that are not the engine's would become its own"
    for symbol, entry in conditions.frozen.items():
        out[symbol] = (
            f"{entry.missing:f} {symbol} that the account lacks would leave the portfolio"
            if entry.missing
            else f"{symbol}, sold by hand, would be traded again"
        )
    if conditions.cash_difference:
        out[CASH] = f"cash would change by {conditions.cash_difference:+f} USD to the account's figure"
    return out


def take_over(
    portfolio: Portfolio,
    account: AccountState,
    conditions: AccountConditions,
    names: Collection[str],
    view: MarketView,
) -> Settlement:
    """Return the trades and flows by which what was named becomes the account's figure.

    Shares come and go at the newest price together with as much cash paid in or out, so that nothing is won or
    lost by it, and the ledger's fills still add up to what is held.

    Parameters
    ----------
    portfolio : Portfolio
        As the ledger has it.
    conditions : AccountConditions
        As they were found just now.
    """
    fills: list[Fill] = []
    movements: list[CashMovement] = []
    for symbol in sorted(set(names) - {CASH}):
        fill = _exchange(portfolio, conditions, symbol, view)
        if fill is not None:
            fills.append(fill)
            movements.append(_flow(view, symbol, -fill.cash_change))
    if CASH in names and account.cash != portfolio.cash:
        movements.append(_flow(view, CASH, account.cash - portfolio.cash))
    return Settlement(fills=tuple(fills), cash_movements=tuple(movements))


def without_price(conditions: AccountConditions, names: Collection[str], view: MarketView) -> Iterator[str]:
    """Yield the named symbols that cannot be taken over, since the feed has no price of them."""
    yield from (name for name in names if name in conditions.others and view.price(name) is None)


def _exchange(portfolio: Portfolio, conditions: AccountConditions, symbol: str, view: MarketView) -> Fill | None:
    entry, theirs = conditions.frozen.get(symbol), conditions.others.get(symbol, ZERO)
    if entry is not None and entry.missing:
        held = portfolio.positions[symbol]
        return _fill(view, symbol, Side.SELL, entry.missing, held.last_price or held.average_price)
    price = view.price(symbol)
    if theirs and price is not None:
        return _fill(view, symbol, Side.BUY, theirs, to_price(price))
    return None


def _fill(view: MarketView, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Fill:
    return Fill(
        fill_id=f"{RULE}-{symbol}-{view.as_of:%Y%m%dT%H%M%S%f}", client_order_id="", symbol=symbol, side=side,
        quantity=quantity, price=price, fee=ZERO, at=view.as_of, rule=RULE,
    )  # fmt: skip


def _flow(view: MarketView, name: str, amount: Decimal) -> CashMovement:
    return CashMovement(
        movement_id=f"{RULE}-{name}-{view.as_of:%Y%m%dT%H%M%S%f}:cash",
        kind=CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL,
        symbol=None if name == CASH else name,
        amount=to_cents(amount),
        at=view.as_of,
        note=f"a person took over {name} as the account has it",
    )
