"""Alpaca's activities that change what a share is or who holds it: splits, mergers, spin-offs, new names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, Decimal
from itertools import chain

import numpy as np

from adapters.alpaca.activity_rows import day_of
from adapters.alpaca.orders import number, timestamp
from adapters.alpaca.trading_client import JsonObject
from core.action_fills import action_fill, bought_with, exchange_fills, new_share_price
from core.money import SHARE_TICK, to_cents, to_price
from core.orders import SPLIT
from core.trading import ZERO
from core.types import ActionKind, CashKind, CashMovement, CorporateAction, Fill, MarketView, Position, Side

SPLITS = frozenset({"SPLIT", "DIV"})  # a stock dividend is a DIV of sub-type SDIV
KINDS: Mapping[str, ActionKind] = {
    "MA": ActionKind.MERGER,
    "NC": ActionKind.RENAME,
    "REORG": ActionKind.MERGER,
    "SPIN": ActionKind.SPIN_OFF,
}
SHARE_KINDS = frozenset({"SPLIT", *KINDS})
SOURCE = "Alpaca"
Group = Sequence[JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Whose shares are in the account: the engine's positions, and what is somebody else's, by symbol.

    Attributes
    ----------
    coming : frozenset of str
        Symbols of which shares may be on their way: an order's fills that are listed late, or a split's.
    """

    ours: Mapping[str, Position] = field(default_factory=dict)
    others: Mapping[str, Decimal] = field(default_factory=dict)
    coming: frozenset[str] = frozenset()

    def held(self, symbol: str) -> Decimal:
        """Return the engine's shares."""
        position = self.ours.get(symbol)
        return position.quantity if position else ZERO

    def part(self, symbol: str, shares: Decimal = ZERO) -> Decimal:
        """Return the engine's part of what so many shares got (0 for all), in [0, 1].

        A person's shares got theirs; the engine's may be sold since.
        """
        ours, theirs = self.held(symbol), self.others.get(symbol, ZERO)
        entitled = abs(shares) or ours + theirs
        return (entitled - min(theirs, entitled)) / entitled if entitled else Decimal(theirs == 0)


@dataclass(kw_only=True)
class ShareChanges:
    """What activities come to: fills, cash, actions, and what a person should know, by activity id."""

    fills: tuple[Fill, ...] = ()
    movements: tuple[CashMovement, ...] = ()
    actions: tuple[CorporateAction, ...] = ()
    notices: Mapping[str, str] = field(default_factory=dict)


def grouped(rows: Iterable[JsonObject]) -> list[Group]:
    """Put together the rows of one action: those of a group id; else of a kind and day, by the shares that go."""
    groups: dict[tuple[object, ...], list[JsonObject]] = {}
    goes: dict[tuple[object, ...], int] = {}
    for row in rows:
        kind, symbol = str(row["activity_type"]), str(row.get("symbol"))
        key: tuple[object, ...] = (row.get("group_id"), kind, day_of(row))
        if not row.get("group_id"):
            key = (*key, symbol) if kind in SPLITS or kind == "SPIN" else key
            goes[key] = goes.get(key, 0) + int(number(row, "qty") < 0 and kind in KINDS)
            key = (*key, goes[key])
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def share_changes(group: Group, view: MarketView, holdings: Holdings) -> ShareChanges:
    """Return what one action does to the engine's shares and cash."""
    if not all(row.get("symbol") for row in group):
        return _not_understood(group)
    kind = KINDS.get(str(group[0]["activity_type"]))
    if kind is None:
        return _split(group, holdings)
    return _spin_off(group, view, holdings) if kind is ActionKind.SPIN_OFF else _exchange(group, view, holdings)


def close_before(view: MarketView, symbol: str, day: date) -> Decimal:
    """Return the last close before a day, US dollars; 0 when it is not known."""
    column = view.bars.column.get(symbol)
    row = int(np.searchsorted(view.bars.sessions, np.datetime64(day, "D"))) - 1
    if column is None or row < 0:
        return ZERO
    close = float(view.bars.close[row, column])
    return to_price(close) if close > 0 else ZERO


def _split(group: Group, holdings: Holdings) -> ShareChanges:
    """Return the change of shares for nothing, as a fill at price 0.

    Alpaca lists a split as the change, or as the old shares leaving and the new ones coming.
    """
    symbol, day = str(group[0]["symbol"]), day_of(group[0])
    changes = [number(row, "qty") for row in group]
    ours, theirs = holdings.held(symbol), holdings.others.get(symbol, ZERO)
    old = -sum((change for change in changes if change < 0), ZERO) if len(group) > 1 else ours + theirs
    change = sum(changes, ZERO)
    if not change or (theirs and not ours):
        return ShareChanges()
    ratio = (old + change) / old if old > 0 else Decimal(1)
    if theirs:
        change = ((ours * ratio) - ours).quantize(SHARE_TICK, ROUND_DOWN)
    action = CorporateAction(symbol=symbol, kind=ActionKind.SPLIT, ex_date=day, ratio=ratio, source=SOURCE)
    side = Side.BUY if change > 0 else Side.SELL
    fill = action_fill(action, symbol, side, abs(change), ZERO, rule=SPLIT, name=action.action_id)
    return ShareChanges(fills=(fill,), actions=(action,) if ratio != 1 and ours else ())


def _exchange(group: Group, view: MarketView, holdings: Holdings) -> ShareChanges:
    """Return the exchange of the old shares for what they became: other shares, cash, or nothing."""
    gone = next((row for row in group if number(row, "qty") < 0), None)
    if gone is None:
        return _not_understood(group)
    symbol, removed = str(gone["symbol"]), -number(gone, "qty")
    held = holdings.held(symbol)
    if not held or _waits_for_fills(symbol, removed, holdings):
        return ShareChanges()
    came = [row for row in group if number(row, "qty") > 0]
    received = sum((number(row, "qty") for row in came), ZERO)
    cash = sum((number(row, "net_amount") for row in group), ZERO)
    kind = KINDS[str(gone["activity_type"])] if received or cash else ActionKind.DELISTING
    part = min(held / removed, Decimal(1))
    action = CorporateAction(
        symbol=symbol, kind=kind, ex_date=day_of(gone), ratio=received / removed if received else Decimal(1),
        cash_per_share=cash / removed, new_symbol=str(came[0]["symbol"]) if came else "", source=SOURCE,
    )  # fmt: skip
    old_price = view.price(symbol) or float(holdings.ours[symbol].last_price)
    each = new_share_price(action, view.price(action.new_symbol), old_price) if came else ZERO
    if each is None:
        return _not_understood(group)
    goes = min(held, removed)  # what is held above it was sold before: its fill is listed late
    fills = exchange_fills(action, goes, _part_of(received, part), each, to_cents(cash * part))
    return ShareChanges(fills=fills, actions=(action,))


def _waits_for_fills(symbol: str, removed: Decimal, holdings: Holdings) -> bool:
    """Tell whether more went than is known to be held: late fills of our own, or a split, are booked first."""
    return symbol in holdings.coming and removed > holdings.held(symbol) + holdings.others.get(symbol, ZERO)


def _spin_off(group: Group, view: MarketView, holdings: Holdings) -> ShareChanges:
    """Return shares of another company as a dividend in kind: paid at their price, and bought with it."""
    came = max(group, key=lambda row: number(row, "qty"))
    new, received, day = str(came["symbol"]), number(came, "qty"), day_of(came)
    named = (str(row["symbol"]) for row in group if row.get("symbol") and row["symbol"] != new)
    listed = (a.symbol for a in view.actions if a.kind is ActionKind.SPIN_OFF and a.new_symbol == new)
    parent, price = next(chain(named, listed), ""), view.price(new)
    if not parent or price is None:
        return _not_understood(group)
    held, each, part = holdings.held(parent), to_price(price), holdings.part(parent)
    shares, cash = _part_of(received, part), sum((number(row, "net_amount") for row in group), ZERO)
    if not held or not shares:
        return ShareChanges()
    amount = to_cents(shares * each) + to_cents(cash * part)
    action = CorporateAction(
        symbol=parent, kind=ActionKind.SPIN_OFF, ex_date=day, ratio=shares / held, new_symbol=new, source=SOURCE,
        cash_per_share=amount / held, close_before=close_before(view, parent, day),
    )  # fmt: skip
    paid = CashMovement(
        movement_id=action.action_id, kind=CashKind.DIVIDEND, symbol=parent, amount=amount,
        at=timestamp(came.get("created_at") or came["date"]), note=f"{action.description}: {held:f} shares",
    )  # fmt: skip
    return ShareChanges(fills=(bought_with(action, shares, each),), movements=(paid,), actions=(action,))


def _part_of(shares: Decimal, part: Decimal) -> Decimal:
    return shares if part == 1 else (shares * part).quantize(SHARE_TICK, ROUND_DOWN)


def _not_understood(group: Group) -> ShareChanges:
    first = group[0]
    return ShareChanges(
        notices={
            str(
                first["id"]
            ): f"Alpaca lists {first['activity_type']} of {first.get('qty')} {first.get('symbol')} "
            "and not all that it takes to book it: its shares are left alone. POST /resume naming the "
            "symbol takes them over."
        }
    )
