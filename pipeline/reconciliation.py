"""Reconciliation at a start: the broker's orders, positions and cash against the ledger, before any decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from core.cycles import RECOVER, SETTLE
from core.errors import RequestError
from core.money import to_price
from core.times import market_date
from core.trading import ZERO
from core.types import MarketView, OrderStatus, Portfolio, Position, Side, TradingState
from pipeline.account import cash_to_come
from pipeline.engine import Engine
from pipeline.take_over import offers, without_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What the start found and what it did.

    Attributes
    ----------
    mended : tuple of str
        Known differences, put right and written down.
    differences : tuple of str
        What nothing explains: the engine stays HALTED until a person says `POST /resume`.
    """

    mended: tuple[str, ...]
    differences: tuple[str, ...]


def recover(engine: Engine) -> Recovery:
    """Bring ledger and broker together.

    Fills and splits that came while we were away are booked first; an order that was written down but never
    reached the broker is cancelled, not sent late; cash that differs by less than the tolerance is taken over.
    What still differs halts the engine; in an account that others use too, it freezes that symbol or stops
    entries, as at any later step.
    """
    parts = engine.parts
    unsent = [record.client_order_id for record in parts.ledger.unsent_orders()]
    report = engine.step(RECOVER)
    mended = [
        f"booked the fill {fill.fill_id} ({fill.side.value} {fill.quantity} {fill.symbol}) of while we were away"
        for fill in report.fills
    ]
    mended += [f"booked {action.description}" for action in report.actions]
    mended += [
        f"booked {movement.amount:+} USD: {movement.note or movement.movement_id}"
        for movement in report.cash_movements
    ]
    if parts.account_check.compares:
        mended += _settle_unsent(engine, unsent)
        last = parts.account_check.last
        return Recovery(mended=tuple(mended), differences=last.differences if last else ())
    account = parts.broker.account()
    mended += _settle_unsent(engine, unsent)
    if parts.follows_account:
        take_over(engine, account)
        return Recovery(mended=(*mended, "took over the account's cash and positions: a dry run"), differences=())
    mended += _take_over_cash(engine, account)
    differences = (
        *account_differences(with_fired_stops(engine, account), account, _tolerance_usd(engine)),
        *_unknown_orders(engine, account),
    )
    if differences:
        hint = "POST /resume takes the broker's cash and positions over"
        engine.set_state(TradingState.HALTED, f"reconciliation: {'; '.join(differences)} ({hint})")
    return Recovery(mended=tuple(mended), differences=differences)


def accept(engine: Engine, found: Recovery | None) -> Recovery | None:
    """Take over the broker's account where a start found it to differ: a person who resumes says so.

    Raises
    ------
    core.errors.RequestError
        409 while orders are on their way: their fills would be booked on top.
    """
    if found is None or not found.differences or engine.parts.account_check.compares:
        return found
    engine.step(SETTLE)
    if engine.portfolio.pending:
        raise RequestError(
            "Ledger and broker differ and orders are still on their way.",
            hint="POST /flatten cancels the open buys; resume once none is pending.",
            status=409,
        )
    take_over(engine, engine.parts.broker.account())
    done = "a person resumed, so the broker's cash and positions were taken over"
    return Recovery(mended=(*found.mended, done), differences=())


def take_over_named(engine: Engine, names: Collection[str]) -> Mapping[str, str]:
    """Take over what a person named, and nothing else.

    Returns
    -------
    mapping of str to str
        What was taken over, in words, by name.

    Raises
    ------
    core.errors.RequestError
        422 for a name that nothing stands for, or a symbol without a price.
    """
    check = engine.parts.account_check
    check.doubt()
    engine.step(SETTLE)
    conditions = engine.portfolio.account
    found = offers(conditions)
    unknown = sorted(set(names) - found.keys())
    if unknown:
        offered = ", ".join(found) or "nothing"
        raise RequestError(
            f"There is nothing to take over by the name {', '.join(unknown)}; there is {offered}.",
            hint="GET /reconciliation lists it.",
            status=422,
        )
    view = engine.last_view
    if view is not None and (without := ", ".join(without_price(conditions, names, view))):
        raise RequestError(
            f"The feed has no price of {without}, so nothing could watch it.",
            hint="It is left alone.",
            status=422,
        )
    if names:
        check.accept(names)
        taken = "; ".join(f"{name}: {found[name]}" for name in sorted(names))
        engine.step(SETTLE, notes=(f"A person resumed and named what is taken over: {taken}.",))
    return {name: found[name] for name in sorted(names)}


def take_over(engine: Engine, theirs: Portfolio) -> None:
    """Let the portfolio be the broker's account; a position not known before counts as opened now.

    It counts at the feed's price where there is one: what the broker says it trades at, nobody has checked.
    """
    now = engine.parts.clock.now()
    fresh = {"entry_at": now, "entry_session": market_date(now)}
    ours = engine.portfolio.positions
    positions = {
        symbol: _taken(ours[symbol], there)
        if symbol in ours
        else replace(there, **fresh, **_prices(engine.last_view, symbol))
        for symbol, there in theirs.positions.items()
        if there.quantity > 0
    }
    engine.take_over_account(theirs.cash, positions)


def with_fired_stops(engine: Engine, theirs: Portfolio) -> Portfolio:
    """Return the portfolio with those resting orders pending that seem to have just filled."""
    ours = engine.portfolio
    fewer = {
        symbol
        for symbol, held in ours.positions.items()
        if symbol not in theirs.positions or theirs.positions[symbol].quantity < held.quantity
    }
    fired = [order for order in engine.parts.protection.resting_orders() if order.symbol in fewer]
    return replace(ours, pending=(*ours.pending, *fired))


def account_differences(ours: Portfolio, theirs: Portfolio, tolerance_usd: Decimal = ZERO) -> tuple[str, ...]:
    """Name what differs: quantities symbol by symbol, and cash.

    An order on its way may fill at any moment, so it explains a difference up to its quantity, its way; while
    one is, a dividend cannot be told from its fills, so cash may differ by the tolerance on top.
    """
    out = []
    for symbol in sorted({*ours.positions, *theirs.positions}):
        mine = ours.positions[symbol].quantity if symbol in ours.positions else ZERO
        broker = theirs.positions[symbol].quantity if symbol in theirs.positions else ZERO
        coming = [order for order in ours.pending if order.symbol == symbol]
        least = -sum((order.quantity for order in coming if order.side is Side.SELL), ZERO)
        most = sum((order.quantity for order in coming if order.side is Side.BUY), ZERO)
        if not least <= broker - mine <= most:
            out.append(f"{symbol}: the ledger holds {mine}, the broker {broker}")
    least, most = cash_to_come(ours)
    margin = tolerance_usd if ours.pending else ZERO
    if not least - margin <= theirs.cash - ours.cash <= most + margin:
        out.append(f"cash: the ledger has {ours.cash}, the broker {theirs.cash}")
    return tuple(out)


def _prices(view: MarketView | None, symbol: str) -> dict[str, Decimal]:
    """Return the feed's price as last and highest of a position; nothing where it has none."""
    price = view.price(symbol) if view is not None and symbol not in view.stale else None
    return {} if price is None else dict.fromkeys(("last_price", "peak_price"), to_price(price))


def _taken(mine: Position, there: Position) -> Position:
    if mine.quantity == there.quantity:
        return mine
    return replace(mine, quantity=there.quantity, average_price=there.average_price)


def _settle_unsent(engine: Engine, unsent: Sequence[str]) -> list[str]:
    """Write down what became of the orders found unsent; one that may be on the wire waits for later steps."""
    waiting = {order.client_order_id for order in engine.parts.broker.open_orders()}
    known = engine.parts.broker.statuses(unsent)
    never_taken = {name: OrderStatus.CANCELLED.value for name in unsent if name not in waiting}
    statuses = {**never_taken, **known}
    engine.parts.ledger.update_status(statuses)
    became = {name: statuses.get(name, "not known yet") for name in unsent}
    return [f"order {name} was recorded but not seen as sent: now {status}" for name, status in became.items()]


def _take_over_cash(engine: Engine, theirs: Portfolio) -> list[str]:
    """Take over a small difference in cash (fees, interest, dividends) and write it down."""
    ours = engine.portfolio
    change = theirs.cash - ours.cash
    if not change or abs(change) > _tolerance_usd(engine) or ours.pending:
        return []
    note = f"cash: the broker's {theirs.cash} was taken over, {change:+} USD that no fill explains"
    engine.take_over_cash(theirs.cash)
    engine.step(SETTLE, notes=(note,))
    return [note]


def _tolerance_usd(engine: Engine) -> Decimal:
    return Decimal(repr(engine.parts.cash_tolerance_pct)) * engine.portfolio.equity


def _unknown_orders(engine: Engine, theirs: Portfolio) -> tuple[str, ...]:
    return tuple(
        f"order {order.client_order_id}: {order.side.value} {order.quantity} {order.symbol} is open at the "
        "broker and is not in the ledger"
        for order in theirs.pending
        if engine.parts.ledger.order(order.client_order_id) is None
    )
