"""Alpaca's account activities beside our orders' fills: cash that came or went, and corporate actions.

An activity concerns the whole account. Of a payment on shares the engine's part is what its shares were paid, and
the rest is a person's. A person's cash is the engine's as far as `Capital` says so, as a deposit or withdrawal:
neither profit nor loss. Times are those of the posting; an activity is booked once, by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from adapters.alpaca.activity_rows import created, day_of, fault_of
from adapters.alpaca.capital import Capital
from adapters.alpaca.corrections import CANCELED, CHANGED, BookedCash, movements_of
from adapters.alpaca.orders import number
from adapters.alpaca.share_activities import (
    SHARE_KINDS,
    SPLITS,
    Holdings,
    ShareChanges,
    close_before,
    grouped,
    share_changes,
)
from adapters.alpaca.trading_client import JsonObject
from core.money import to_cents
from core.trading import ZERO
from core.types import (
    ActionKind,
    CashKind,
    CashMovement,
    CorporateAction,
    Fill,
    MarketView,
    Portfolio,
    Settlement,
)

FILL = "FILL"
DIVIDENDS = frozenset({"DIV", "DIVCGL", "DIVCGS", "DIVROC", "DIVTXEX", "CGD", "DIVFT", "DIVNRA", "DIVTW"})
INTEREST = frozenset({"INT", "INTNRA", "INTTW"})
FEES = frozenset({"FEE", "CFEE", "DIVFEE", "PTC", "PTR"})
TRANSFERS = frozenset({"CSD", "CSW", "TRANS", "JNL", "JNLC", "ACATC"})
MOVED_SHARES = frozenset({"JNLS", "ACATS", "FOPT"})
OPTIONS = frozenset({"OPASN", "OPCA", "OPCSH", "OPEXC", "OPEXP", "OPTRD"})
STOCK_DIVIDEND = "SDIV"
LISTED_BEFORE_DAYS_MAX = 100
"""So long after its ex-date a dividend may be paid and still be the one that the feed listed."""


@dataclass(kw_only=True)
class Booked:
    """What activities come to for the engine.

    Attributes
    ----------
    notices : dict of str to str
        What a person should know of activities that book nothing or are not understood, by activity id.
    """

    fills: list[Fill] = field(default_factory=list)
    movements: list[CashMovement] = field(default_factory=list)
    actions: list[CorporateAction] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)

    @property
    def settlement(self) -> Settlement:
        """All of it as a settlement."""
        return Settlement(
            fills=tuple(self.fills), cash_movements=tuple(self.movements), actions=tuple(self.actions)
        )


def read_activities(
    rows: Sequence[JsonObject],
    view: MarketView,
    holdings: Holdings,
    capital: Capital,
    since: datetime,
    cash_booked: BookedCash,
) -> Booked:
    """Return what activities come to, in the order they were posted.

    Parameters
    ----------
    rows : sequence of JsonObject
        All kinds but FILL.
    since : datetime
        When the engine first looked at the account: what was posted before is in its opening cash.
    cash_booked : callable
        Gives what the ledger has of an activity's cash.
    """
    faults = {str(row["id"]): fault for row in rows if (fault := fault_of(row))}
    booked, rows = Booked(notices=faults), [row for row in rows if str(row["id"]) not in faults]
    fresh = sorted((row for row in rows if created(row) > since), key=lambda row: (created(row), str(row["id"])))
    moved = [row for row in fresh if _moves_shares(row)]
    stands = [row for row in moved if row.get("status") != CANCELED]
    holdings = _with_splits(holdings, stands)
    for group in grouped(stands):
        _read_shares(booked, group, view, holdings)
    for row in fresh:
        kind = str(row["activity_type"])
        if kind in MOVED_SHARES:
            booked.notices[str(row["id"])] = (
                f"{kind} moved {row.get('qty')} {row.get('symbol')} in the account: a person's, and left alone"
            )
        elif row in moved and row.get("status") in CHANGED:
            booked.notices[f"{row['id']} {row['status']}"] = (
                f"Alpaca {CHANGED[str(row['status'])]} the activity {kind} of {row.get('symbol')}: compare "
                "GET /reconciliation"
            )
        booked.movements += _movements(booked, row, holdings, capital, cash_booked)
    booked.actions += _dividend_actions(rows, view, holdings, since)
    return booked


def _with_splits(holdings: Holdings, rows: Sequence[JsonObject]) -> Holdings:
    """Return the holdings with shares to come of what is split: an exchange listed with it is booked after it."""
    split = {str(row.get("symbol")) for row in rows if row["activity_type"] in SPLITS}
    return replace(holdings, coming=holdings.coming | split)


def _moves_shares(row: JsonObject) -> bool:
    return row["activity_type"] in SHARE_KINDS or row.get("activity_sub_type") == STOCK_DIVIDEND


def _read_shares(booked: Booked, group: Sequence[JsonObject], view: MarketView, holdings: Holdings) -> None:
    changes: ShareChanges = share_changes(group, view, holdings)
    booked.fills += changes.fills
    booked.movements += changes.movements
    booked.actions += changes.actions
    booked.notices |= changes.notices


def _movements(
    booked: Booked, row: JsonObject, holdings: Holdings, capital: Capital, cash_booked: BookedCash
) -> Iterable[CashMovement]:
    """Return the engine's part of the cash of an activity, as far as it is not booked."""
    amount = to_cents(number(row, "net_amount"))
    kind, name = str(row["activity_type"]), str(row["id"])
    known = _kind_of(kind, amount)
    if known is None:
        booked.notices[name] = (
            f"Alpaca lists an activity that is not known, {kind}"
            + (f", of {amount:+} USD: booked as other cash" if amount else "")
            + (f" on {row['symbol']}" if row.get("symbol") else "")
        )
        known = CashKind.OTHER
    if not (amount or row.get("status") in CHANGED) or (kind in SHARE_KINDS and kind != "SPLIT"):
        return  # cash of a merger is in its fills
    ours, theirs = _parts(known, row, amount, holdings, capital)
    at = created(row)
    yield from movements_of(row, known, ours, name, at, cash_booked)
    flow = CashKind.DEPOSIT if theirs > 0 else CashKind.WITHDRAWAL
    yield from movements_of(row, flow, theirs, f"{name}:person", at, cash_booked)


def _kind_of(kind: str, amount: Decimal) -> CashKind | None:
    if kind in DIVIDENDS:
        return CashKind.DIVIDEND
    if kind in INTEREST:
        return CashKind.INTEREST
    if kind in FEES:
        return CashKind.FEE
    if kind in SHARE_KINDS:
        return CashKind.OTHER  # cash in lieu of a fraction
    if kind in TRANSFERS or kind in MOVED_SHARES or kind in OPTIONS:
        return CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL
    return None


def _parts(
    kind: CashKind, row: JsonObject, amount: Decimal, holdings: Holdings, capital: Capital
) -> tuple[Decimal, Decimal]:
    """Return what is the engine's own of an amount, and what of a person's rest counts as paid in to it."""
    if kind in {CashKind.DEPOSIT, CashKind.WITHDRAWAL}:
        return ZERO, capital.of_flow(amount)
    if row.get("symbol"):
        ours = to_cents(amount * holdings.part(str(row["symbol"]), number(row, "qty")))
        return ours, capital.of_flow(amount - ours)
    if kind is CashKind.FEE:  # of the engine's trades, as far as anybody can tell
        return amount, ZERO
    return capital.of_flow(amount), ZERO


def _dividend_actions(
    rows: Sequence[JsonObject], view: MarketView, holdings: Holdings, since: datetime
) -> Iterable[CorporateAction]:
    """Return the dividends that lower what a holding is measured against: on the ex-date where the feed lists it.

    Else on the day it is paid: late, but the return since entry is right from then on.
    """
    today, held = view.as_of.date(), holdings.ours
    listed = [a for a in view.actions if a.kind is ActionKind.DIVIDEND and a.symbol in held]
    for action in listed:
        entered = max(held[action.symbol].entry_session, since.date())
        if entered < action.ex_date and (today - action.ex_date).days < LISTED_BEFORE_DAYS_MAX:
            yield action
    for row in rows:
        paid = _dividend_of(row, view)
        if paid is None or created(row) <= since or paid.symbol not in held:
            continue
        if held[paid.symbol].entry_session < paid.ex_date and not _is_listed(paid, listed):
            yield paid


def _is_listed(paid: CorporateAction, listed: Sequence[CorporateAction]) -> bool:
    """Return whether a payment is of a dividend that the feed lists, so that its ex-date is past."""
    return any(
        action.symbol == paid.symbol
        and 0 <= (paid.ex_date - action.ex_date).days <= LISTED_BEFORE_DAYS_MAX
        and abs(action.cash_per_share - paid.cash_per_share) <= paid.cash_per_share / 100
        for action in listed
    )


def _dividend_of(row: JsonObject, view: MarketView) -> CorporateAction | None:
    each = number(row, "per_share_amount")
    if row["activity_type"] not in DIVIDENDS or each <= 0 or row.get("status") == CANCELED:
        return None
    day = day_of(row)
    return CorporateAction(
        symbol=str(row["symbol"]), kind=ActionKind.DIVIDEND, ex_date=day, cash_per_share=each,
        close_before=close_before(view, str(row["symbol"]), day), source="Alpaca",
    )  # fmt: skip


class AccountActivities:
    """Gives what activities come to, until it is acknowledged.

    Parameters
    ----------
    portfolio : callable
        Returns the engine's portfolio as the last step left it; None before the first.
    since : datetime
        When the engine first looked at the account.
    cash_booked : callable
        Gives what the ledger has of an activity's cash.

    Attributes
    ----------
    notices : mapping of str to str
        Of the activities listed last, what a person should know, by activity id.
    """

    def __init__(
        self,
        portfolio: Callable[[], Portfolio | None],
        capital: Capital,
        since: datetime,
        cash_booked: BookedCash,
    ) -> None:
        self.notices: Mapping[str, str] = {}
        self._portfolio = portfolio
        self._capital = capital
        self._since = since
        self._cash_booked = cash_booked
        self._acknowledged: set[str] = set()

    def settle(self, rows: Sequence[JsonObject], view: MarketView) -> Settlement:
        """Return what the activities listed now come to, less what was acknowledged."""
        if not rows and not view.actions:
            return Settlement()
        booked = read_activities(rows, view, self._holdings(), self._capital, self._since, self._cash_booked)
        self.notices = booked.notices
        known = self._acknowledged = self._acknowledged & set(booked.settlement.ids)
        return Settlement(
            fills=tuple(fill for fill in booked.fills if fill.fill_id not in known),
            cash_movements=tuple(moved for moved in booked.movements if moved.movement_id not in known),
            actions=tuple(action for action in booked.actions if action.action_id not in known),
        )

    def _holdings(self) -> Holdings:
        portfolio = self._portfolio()
        if portfolio is None:
            return Holdings()
        coming = frozenset(order.symbol for order in portfolio.pending)
        return Holdings(ours=portfolio.positions_with_missing, others=portfolio.account.others, coming=coming)

    def acknowledge(self, ids: Iterable[str]) -> None:
        """Take note that these need not be given again."""
        self._acknowledged.update(ids)
