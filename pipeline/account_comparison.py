"""The ledger held against the account: what explains a difference, and what holds where nothing does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from core.account_conditions import AccountConditions, FrozenSymbol
from core.money import SHARE_TICK, to_cents
from core.orders import BY_HAND
from core.reconciliation import AccountState
from core.trading import ZERO
from core.types import CashKind, CashMovement, Fill, Portfolio, Settlement, Side
from pipeline.account import MOVED_MAX, cash_to_come


def explain(
    portfolio: Portfolio, account: AccountState, fills: Sequence[Fill], *, person_pays_in: bool
) -> Settlement:
    """Return what of a person's trades concerns the engine.

    A sale of shares that are missing sold the engine's, whatever else the person holds: it is booked as a trade
    by hand. So is a purchase that brings back what was sold by hand. The rest is the person's own; where all of
    the account's cash is the engine's, it moved cash in or out. In a symbol in which an order of the engine's is
    on its way nothing is told apart yet: it waits until that has ended.

    Parameters
    ----------
    portfolio : Portfolio
        As the ledger has it.
    fills : sequence of Fill
        Those of `account.foreign_fills` that are not booked, oldest first.
    person_pays_in : bool
        Whether all of the account's cash is the engine's.
    """
    trades: list[Fill] = []
    movements: list[CashMovement] = []
    lacking = {symbol: _lacking(portfolio, account, symbol) for symbol in portfolio.positions}
    wanted = {
        symbol: min(frozen.expected - _held(portfolio, symbol), _surplus(portfolio, account, symbol))
        for symbol, frozen in portfolio.account.frozen.items()
        if not frozen.missing
    }
    waiting = {order.symbol for order in portfolio.pending}
    for fill in (fill for fill in fills if fill.symbol not in waiting):
        ours = lacking if fill.side is Side.SELL else wanted
        taken = min(fill.quantity, max(ours.get(fill.symbol, ZERO), ZERO))
        value = fill.quantity * fill.price
        if taken:
            ours[fill.symbol] -= taken
            trades.append(replace(fill, quantity=taken, rule=BY_HAND))
        rest = to_cents(value) - to_cents(taken * fill.price)
        if rest and person_pays_in:
            movements.append(person_flow(fill, rest))
    return Settlement(fills=tuple(trades), cash_movements=tuple(movements))


def compare(
    portfolio: Portfolio,
    account: AccountState,
    at: datetime,
    tolerance_usd: Decimal,
    *,
    by_hand: Sequence[Fill] = (),
    person_pays_in: bool = True,
) -> AccountConditions:
    """Return the conditions that follow from the account.

    Orders on their way explain a difference up to their quantity, their way. What the account holds above the
    engine's shares is somebody else's. Cash below the ledger's is a difference; cash above it only where all of
    the account's cash is the engine's.

    Parameters
    ----------
    portfolio : Portfolio
        As the ledger has it, after `by_hand`.
    """
    before = portfolio.account
    symbols = sorted({*portfolio.positions, *account.shares})
    others = {symbol: theirs for symbol in symbols if (theirs := _theirs(portfolio, account, symbol))}
    frozen = {
        symbol: entry
        for symbol in sorted({*portfolio.positions, *before.frozen, *(fill.symbol for fill in by_hand)})
        if (entry := _frozen(portfolio, account, symbol, at, by_hand)) is not None
    }
    least, most = cash_to_come(portfolio)
    most += _fired_usd(portfolio, account)
    margin, difference = tolerance_usd, account.cash - portfolio.cash
    off = difference < least - margin or (person_pays_in and difference > most + margin)
    return AccountConditions(
        frozen=frozen,
        others=others,
        reserved=_reserved(portfolio, account, others),
        cash_difference=difference if off else ZERO,
        restricted=account.restricted,
        reduced_by_faults=before.reduced_by_faults,
    )


def _frozen(
    portfolio: Portfolio, account: AccountState, symbol: str, at: datetime, by_hand: Sequence[Fill]
) -> FrozenSymbol | None:
    """Return what is wrong with a symbol: shares missing or sold by hand; None for nothing."""
    before, held = portfolio.account.frozen.get(symbol), _held(portfolio, symbol)
    sold = sum((f.quantity for f in by_hand if f.symbol == symbol and f.side is Side.SELL), ZERO)
    expected = max(before.expected if before else ZERO, held + sold)
    missing = _lacking(portfolio, account, symbol)
    if missing > SHARE_TICK:
        return FrozenSymbol(
            symbol=symbol,
            since=before.since if before else at,
            expected=held,
            observed=held - missing,
            missing=missing,
            position=portfolio.positions[symbol],
        )
    if not (sold or (before and not before.missing)) or held >= expected:
        return None
    return FrozenSymbol(
        symbol=symbol,
        since=before.since if before else at,
        expected=expected,
        observed=held,
        reason=", since a person sold the rest by hand",
    )


def _lacking(portfolio: Portfolio, account: AccountState, symbol: str) -> Decimal:
    """Return the shares of the ledger's that the account lacks and no order on its way explains."""
    selling = sum((o.quantity for o in portfolio.pending if o.symbol == symbol and o.side is Side.SELL), ZERO)
    selling += account.fired.get(symbol, ZERO)
    return max(_held(portfolio, symbol) - selling - account.shares.get(symbol, ZERO), ZERO)


def _fired_usd(portfolio: Portfolio, account: AccountState) -> Decimal:
    """Return what resting orders seem to have just brought: shares they covered are gone."""
    gone = {symbol: _held(portfolio, symbol) - account.shares.get(symbol, ZERO) for symbol in account.fired}
    return sum(
        (min(gone[symbol], shares) * portfolio.positions[symbol].last_price * MOVED_MAX
         for symbol, shares in account.fired.items() if gone[symbol] > 0),
        ZERO,
    )  # fmt: skip


def _surplus(portfolio: Portfolio, account: AccountState, symbol: str) -> Decimal:
    return max(account.shares.get(symbol, ZERO) - _held(portfolio, symbol), ZERO)


def _theirs(portfolio: Portfolio, account: AccountState, symbol: str) -> Decimal:
    """Return the shares that are not the engine's; while its own orders are on their way, those known before."""
    above = account.shares.get(symbol, ZERO) - _held(portfolio, symbol)
    coming = [order for order in portfolio.pending if order.symbol == symbol]
    least = above - sum((order.quantity for order in coming if order.side is Side.BUY), ZERO)
    most = above + sum((order.quantity for order in coming if order.side is Side.SELL), ZERO)
    known = portfolio.account.others.get(symbol, ZERO)
    theirs = max(min(max(known, least), most), ZERO)
    return theirs if theirs > SHARE_TICK else ZERO


def _reserved(portfolio: Portfolio, account: AccountState, others: dict[str, Decimal]) -> dict[str, Decimal]:
    """Return what a person's open sales hold back of the engine's shares: those beyond the person's own."""
    out: dict[str, Decimal] = {}
    for order in account.foreign_orders:
        if order.side is Side.SELL and order.symbol in portfolio.positions:
            out[order.symbol] = out.get(order.symbol, ZERO) + order.quantity
    beyond = {symbol: selling - others.get(symbol, ZERO) for symbol, selling in out.items()}
    return {symbol: min(shares, _held(portfolio, symbol)) for symbol, shares in beyond.items() if shares > 0}


def _held(portfolio: Portfolio, symbol: str) -> Decimal:
    position = portfolio.positions.get(symbol)
    return position.quantity if position else ZERO


def person_flow(fill: Fill, value_usd: Decimal) -> CashMovement:
    """Return the flow of cash that a person's trade of his own shares, of so much value, is."""
    amount = value_usd if fill.side is Side.SELL else -value_usd
    kind = CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL
    verb = "sold" if fill.side is Side.SELL else "bought"
    return CashMovement(
        movement_id=f"person:{fill.fill_id}", kind=kind, symbol=fill.symbol, amount=amount, at=fill.at,
        note=f"a person {verb} {fill.quantity:f} {fill.symbol} at {fill.price:f} USD in the same account",
    )  # fmt: skip
