"""The laws of a chaotic week: no order twice, no fill lost, the ledger is the broker's book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from adapters.alpaca.orders import ENDED, timestamp
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.cycles import FLATTEN
from core.ids import is_protective
from core.orders import BY_HAND
from core.service import OrderRecord
from core.types import Fill, OrderStatus
from tests.chaos.outside import BY_HAND_PREFIX

ALL = 1_000_000
DRIFT_MAX = Decimal("1.1")
"""How much more a moment that is repeated may want than at first: what is booked meanwhile moves equity."""
OPEN = ("new", "accepted", "partially_filled")


def broken_laws(home: Path, book: Any) -> list[str]:
    """Compare the ledger with the broker's own book; give what does not hold.

    Parameters
    ----------
    book : Any
        `GET /admin/book` of the stand-in.
    """
    ledger = SqliteLedger(home / "ledger.sqlite", route=OrderRoute.ALPACA_PAPER)
    try:
        orders = {order.client_order_id: order for order in reversed(ledger.orders(ALL))}
        fills = ledger.fills(ALL)
        portfolio = ledger.portfolio()
        assert portfolio is not None
        ours = {name: held.quantity for name, held in portfolio.positions.items()}
        pending = portfolio.pending
    finally:
        ledger.close()
    theirs = {name: Decimal(quantity) for name, quantity in book["positions"].items()}
    return [
        *sent_twice(book, orders),
        *_orders_differ(book, {name: order.status for name, order in orders.items()}),
        *_fills_differ(book, fills),
        *_bare(book),
        *([f"positions: {ours} is not the broker's {theirs}"] if ours != theirs else []),
        *([f"cash: {portfolio.cash} is not the broker's {book['cash']}"]
          if portfolio.cash != Decimal(book["cash"]) else []),
        *(f"still pending: {order.client_order_id}" for order in pending),
    ]  # fmt: skip


def by_hand(row: Any) -> bool:
    """Say whether an order of the broker's is a person's."""
    return str(row["client_order_id"]).startswith(BY_HAND_PREFIX)


def sent_twice(book: Any, recorded: Mapping[str, OrderRecord]) -> Iterator[str]:
    """Each name is POSTed once; no decision has two orders of one symbol and side, no moment more than it wanted.

    The moment is the ledger's: a POST that arrives late stands in the broker's book at a later decision's.

    Parameters
    ----------
    recorded : mapping of str to OrderRecord
        By client_order_id, oldest first.
    """
    for name, attempts in book["post_attempts"].items():
        if attempts > 1:
            yield f"POSTed {attempts} times: {name}"
    sent = {
        row["client_order_id"]: row for row in book["orders"]
        if not (row["replaces"] or by_hand(row) or is_protective(row["client_order_id"]))
    }  # fmt: skip
    records = [one for name, one in recorded.items() if name in sent]
    for intent, count in Counter((one.decision_id, one.symbol, one.side.value) for one in records).items():
        if count > 1:
            yield f"{count} orders accepted of one intent: {intent}"
    rows = {row["id"]: row for row in book["orders"]}
    for moment, orders in groupby(sorted(records, key=_moment), key=_moment):
        wanted = [sent[one.client_order_id] for one in orders]
        if not _is_one_intent(wanted, rows):
            yield f"{len(wanted)} orders accepted of one intent: {moment}"


def _moment(one: OrderRecord) -> tuple[str, str, str]:
    return f"{one.created_at:%m-%d %H:%M:%S}", one.symbol, one.side.value


def _is_one_intent(orders: Sequence[Any], rows: Mapping[str, Any]) -> bool:
    """Say whether the orders of a moment, in the order they were decided, come to what the first was for.

    A start that repeats the moment may send what is left of an order that has ended; a person's flatten in it is
    an intent of its own, for what a sale that has ended left.
    """
    done, most = Decimal(0), Decimal(orders[0]["qty"]) * DRIFT_MAX
    for earlier, later in pairwise(orders):
        last, filled = _outcome(earlier, rows)
        ended, done, wanted = _ended_at(last), done + filled, Decimal(later["qty"])
        if _is_flatten(later) and not _is_flatten(earlier):
            done, most = Decimal(0), wanted * DRIFT_MAX
        if not ended or timestamp(ended) > timestamp(later["created_at"]) or done + wanted > most:
            return False
    return True


def _is_flatten(row: Any) -> bool:
    return f"-{FLATTEN.name}-" in str(row["client_order_id"])


def _outcome(row: Any, rows: Mapping[str, Any]) -> tuple[Any, Decimal]:
    """Give the last of what replaced an order, and the shares that all of them filled."""
    filled = _filled(row)
    while row["replaced_by"]:
        row = rows[row["replaced_by"]]
        filled += _filled(row)
    return row, filled


def _ended_at(row: Any) -> str | None:
    ended = (row[name] for name in ("filled_at", "canceled_at", "expired_at", "failed_at"))
    return next((at for at in ended if at), None)


def _orders_differ(book: Any, statuses: Mapping[str, OrderStatus]) -> Iterator[str]:
    """Every order at the broker was written down before, and ended in the ledger as it ended there."""
    rows = {row["id"]: row for row in book["orders"]}
    seen, resting = set(), set()
    for row in book["orders"]:
        if row["replaces"] or by_hand(row):
            continue
        name, (last, filled) = row["client_order_id"], _outcome(row, rows)
        seen.add(name)
        theirs, ours = TrackedOrder(row=last, filled=filled).status, statuses.get(name)
        if is_protective(name) and theirs not in ENDED:
            resting.add(name)
        elif ours is None:
            yield f"not in the ledger: {name}"
        elif ours is not theirs and not (ours is OrderStatus.FILLED and filled >= Decimal(row["qty"])):
            yield f"{name} is {ours.value} in the ledger and {theirs.value} at the broker"
    for name, status in statuses.items():
        if status is OrderStatus.PROPOSED:
            continue
        if status not in ENDED and name not in resting:
            yield f"{name} has not ended in the ledger: {status.value}"
        elif status in (OrderStatus.FILLED, OrderStatus.EXPIRED) and name not in seen:
            yield f"{name} is {status.value} in the ledger and was never at the broker"


def _fills_differ(book: Any, fills: tuple[Fill, ...] | Any) -> Iterator[str]:
    """The ledger has exactly the broker's fills, each with its quantity and price, beside corporate actions."""
    theirs = {
        row["id"]: (row["symbol"], row["side"], Decimal(row["qty"]), Decimal(row["price"]))
        for row in book["fills"]
    }  # fmt: skip
    ours = {
        fill.fill_id: (fill.symbol, fill.side.value, fill.quantity, fill.price)
        for fill in fills
        if fill.client_order_id or fill.rule == BY_HAND
    }
    yield from (f"lost fill: {name} {theirs[name]}" for name in theirs.keys() - ours.keys())
    yield from (f"invented fill: {name} {ours[name]}" for name in ours.keys() - theirs.keys())
    yield from (f"fill differs: {name}" for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])


def _filled(row: Any) -> Decimal:
    return sum((Decimal(one["filled_qty"]) for one in (row, *(row["legs"] or ()))), Decimal(0))


def _bare(book: Any) -> Iterator[str]:
    """The whole shares of each position have a stop resting at the broker, unless a person's buy forbids it.

    Alpaca refuses a sale beside an open buy of its symbol (a wash trade), and a person's order is left alone.
    """
    covered, forbidden, whole = _covered(book), _open(book, "buy"), _whole_shares(book)
    for symbol in sorted({*covered, *(name for name, quantity in whole.items() if quantity)}):
        if covered[symbol] != whole.get(symbol, 0) and symbol not in forbidden:
            yield f"{covered[symbol]} of {whole.get(symbol, 0)} shares of {symbol} have a stop at the broker"


def bare_symbols(book: Any) -> list[str]:
    """Name what is held and has no stop for each whole share, nor a reason for it.

    A reason is a buy that is still open (the sale would be a wash trade), a sale under way, and a fill that the
    broker does not list yet.
    """
    covered = _covered(book)
    excused = _open(book, "buy") | set(book["unlisted"])
    for row in book["orders"]:
        if row["side"] == "sell" and row["status"] in OPEN and not is_protective(row["client_order_id"]):
            excused.add(row["symbol"])
    whole = _whole_shares(book).items()
    return [name for name, quantity in whole if covered[name] < quantity and name not in excused]


def _covered(book: Any) -> Counter[str]:
    covered: Counter[str] = Counter()
    for row in book["orders"]:
        order = TrackedOrder(row=row, filled=_filled(row))
        if order.left and any(one["stop_price"] for one in order.rows):  # a person may have replaced it
            covered[row["symbol"]] += int(order.left)
    return covered


def _open(book: Any, side: str) -> set[str]:
    return {row["symbol"] for row in book["orders"] if row["side"] == side and row["status"] in OPEN}


def _whole_shares(book: Any) -> dict[str, int]:
    return {name: int(Decimal(quantity)) for name, quantity in book["positions"].items()}


def idle(book: Any, kills: int, disturbances: int) -> Iterator[str]:
    """Say what a week lacks without which its laws prove nothing."""
    sides = {row["side"] for row in book["fills"]}
    if "buy" not in sides:
        yield "it never traded"
    if "sell" not in sides:
        yield "it never exited"
    if not kills:
        yield "it was never killed"
    if not disturbances:
        yield "nothing happened to the account from outside"
    if not book["faults_drawn"]:
        yield "nothing went wrong at the broker"
