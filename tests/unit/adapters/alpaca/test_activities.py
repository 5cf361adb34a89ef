"""Alpaca's activities in our nouns: what of them is the engine's, and what is only told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.alpaca.activities import Booked, read_activities
from adapters.alpaca.capital import WHOLE_ACCOUNT, Capital
from adapters.alpaca.share_activities import Holdings
from core.types import CashKind, MarketView, Position
from tests.panels import make_panel

AT = datetime(2024, 1, 25, 14, 30, tzinfo=UTC)
VIEW = MarketView(as_of=AT, bars=make_panel(sessions=2, symbols=("AAPL",)))
HALF = Capital(share=Decimal("0.5"))
FIXED = Capital(usd=Decimal(10_000))
LISTED = (
    "TRANS", "ACATC", "ACATS", "CFEE", "CGD", "CSD", "CSW", "DIV", "DIVCGL", "DIVCGS", "DIVFEE", "DIVFT",
    "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX", "FEE", "INT", "INTNRA", "INTTW", "JNL", "JNLC", "JNLS", "MA", "NC",
    "OPASN", "OPCA", "OPCSH", "OPEXC", "OPEXP", "OPTRD", "PTC", "PTR", "REORG", "SPIN", "SPLIT", "FOPT",
)  # fmt: skip
"""The vendor's document names these beside FILL, and MISC for those that have no name of their own."""


def holdings(ours: int = 100, others: int = 0) -> Holdings:
    position = Position(
        symbol="AAPL", quantity=Decimal(ours), average_price=Decimal(100), entry_at=AT - timedelta(days=9),
        entry_session=date(2024, 1, 16), peak_price=Decimal(100), last_price=Decimal(100),
    )  # fmt: skip
    return Holdings(ours={"AAPL": position} if ours else {}, others={"AAPL": Decimal(others)} if others else {})


def row(kind: str, amount: str = "0", name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "id": name, "activity_type": kind, "date": "2024-01-25", "created_at": AT.isoformat(),
        "status": "executed", "net_amount": amount, **more,
    }  # fmt: skip


def booked(
    *rows: dict[str, Any],
    capital: Capital = WHOLE_ACCOUNT,
    held: Holdings | None = None,
    days_before: int = 1,
    before: Mapping[str, Sequence[Decimal]] | None = None,
) -> Booked:
    known = before or {}
    began = AT - timedelta(days=days_before)
    return read_activities(rows, VIEW, held or holdings(), capital, began, lambda name: known.get(name, ()))


@pytest.mark.parametrize(
    ("kind", "amount", "is_kind"),
    [
        ("INT", "1.23", CashKind.INTEREST), ("INTNRA", "-0.3", CashKind.INTEREST), ("FEE", "-0.02", CashKind.FEE),
        ("PTC", "-1", CashKind.FEE), ("CSD", "500", CashKind.DEPOSIT), ("CSW", "-70", CashKind.WITHDRAWAL),
        ("JNLC", "25", CashKind.DEPOSIT), ("JNLC", "-25", CashKind.WITHDRAWAL), ("ACATC", "9", CashKind.DEPOSIT),
        ("OPASN", "-12", CashKind.WITHDRAWAL), ("XYZ", "3", CashKind.OTHER),
    ],
)  # fmt: skip
def test_cash_is_booked_as_what_it_is(kind: str, amount: str, is_kind: CashKind) -> None:
    (moved,) = booked(row(kind, amount)).movements
    assert (moved.kind, moved.amount) == (is_kind, Decimal(amount).quantize(Decimal("0.01")))
    assert bool(booked(row(kind, amount)).notices) is (kind == "XYZ"), "only what is not known is told beside it"


def test_every_type_of_the_vendors_own_document_is_known() -> None:
    unknown = [kind for kind in LISTED if any("not known" in n for n in booked(row(kind, "1")).notices.values())]
    assert unknown == []


def test_what_was_posted_before_the_engine_looked_is_in_its_opening_cash() -> None:
    assert booked(row("CSD", "500"), days_before=-1) == Booked()


@given(
    st.lists(st.tuples(st.sampled_from(["correct", "canceled"]), st.integers(-500, 500)), max_size=6),
    st.integers(1, 500),
    st.sampled_from([WHOLE_ACCOUNT, HALF]),
)
def test_however_often_an_activity_is_corrected_what_is_booked_of_it_is_what_it_says(
    changes: list[tuple[str, int]], cents: int, capital: Capital
) -> None:
    amounts: dict[str, list[Decimal]] = {}
    ids: set[str] = set()
    for status, each in [("executed", cents), *changes]:
        listed = row("INT", str(Decimal(each) / 100), status=status)
        for again in (False, True):  # it is listed in each step of a day
            moved = booked(listed, capital=capital, before=amounts).movements
            assert not (again and status != "executed" and moved)
            for one in moved:
                if one.movement_id not in ids:  # the ledger's word
                    ids.add(one.movement_id)
                    amounts.setdefault(one.movement_id.partition("#")[0], []).append(one.amount)
        due = capital.of_flow(Decimal(each) / 100) if status != "canceled" else Decimal(0)
        assert sum(amounts.get("one", ()), Decimal(0)) == due


def test_one_that_is_canceled_before_it_was_booked_books_nothing() -> None:
    assert booked(row("INT", "7", status="canceled")) == Booked()


@pytest.mark.parametrize(("status", "verb"), [("correct", "corrected"), ("canceled", "canceled")])
def test_a_changed_action_on_shares_is_told(status: str, verb: str) -> None:
    (notice,) = booked(row("SPLIT", symbol="AAPL", qty="300", status=status)).notices.values()
    assert f"Alpaca {verb} the activity SPLIT of AAPL" in notice


@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 10**6))
def test_a_payment_on_shares_is_the_engines_as_far_as_the_shares_are(ours: int, others: int, cents: int) -> None:
    amount = Decimal(cents) / 100
    paid = row("DIV", str(amount), symbol="AAPL", qty=str(ours + others))
    held = holdings(ours, others)
    part = Decimal(ours) / (ours + others)
    for capital in (WHOLE_ACCOUNT, HALF, FIXED):
        moved = booked(paid, capital=capital, held=held).movements
        own = sum((m.amount for m in moved if m.kind is CashKind.DIVIDEND), Decimal(0))
        flow = sum((m.amount for m in moved if m.is_external), Decimal(0))
        assert abs(own - amount * part) <= Decimal("0.005")
        assert abs(flow - capital.of_flow(amount - own)) <= Decimal("0.01")
    assert own + flow <= amount


def test_a_dividend_on_shares_sold_since_is_the_engines_and_on_a_persons_is_not() -> None:
    paid = row("DIV", "10", symbol="AAPL", qty="100")
    (moved,) = booked(paid, held=holdings(0, 0)).movements
    assert (moved.kind, moved.amount) == (CashKind.DIVIDEND, Decimal(10))
    assert booked(paid, held=holdings(0, 100), capital=FIXED).movements == []


def test_a_deposit_is_the_engines_as_far_as_its_capital_says() -> None:
    amounts = [
        sum((moved.amount for moved in booked(row("CSD", "500"), capital=capital).movements), Decimal(0))
        for capital in (WHOLE_ACCOUNT, HALF, FIXED)
    ]
    assert amounts == [500, 250, 0]


def test_shares_that_a_person_moved_and_what_is_not_understood_are_told_and_book_nothing() -> None:
    found = booked(
        row("JNLS", name="a", symbol="AAPL", qty="10"), row("MA", "5", name="b", symbol="AAPL", qty="10"),
        row("SPIN", name="c", symbol="NEW", qty="3"),
    )  # fmt: skip
    assert not found.fills and not found.movements and not found.actions
    assert set(found.notices) == {"a", "b", "c"}


def test_a_split_scales_the_engines_shares_beside_a_persons() -> None:
    found = booked(row("SPLIT", symbol="AAPL", qty="390"), held=holdings(100, 30))
    assert [(fill.quantity, fill.rule) for fill in found.fills] == [(Decimal(300), "split")]
    pair = (row("SPLIT", name="a", symbol="AAPL", qty="-130"), row("SPLIT", name="b", symbol="AAPL", qty="13"))
    found = booked(*pair, held=holdings(100, 30))
    assert [(fill.side.value, fill.quantity) for fill in found.fills] == [("sell", Decimal(90))]
    assert [action.ratio for action in found.actions] == [Decimal("0.1")]
    assert booked(*pair, held=holdings(0, 130)).fills == []


def test_worthless_shares_leave_the_portfolio_at_nothing() -> None:
    found = booked(row("REORG", symbol="AAPL", qty="-100", activity_sub_type="WRM"))
    assert [(fill.rule, fill.quantity, fill.price) for fill in found.fills] == [
        ("delisting", Decimal(100), Decimal(0))
    ]


def test_two_mergers_of_one_day_are_two() -> None:
    rows = [
        row("MA", name="a", symbol="AAPL", qty="-100"), row("MA", "50", name="b", symbol="XOM", qty="50"),
        row("MA", "9", name="c", symbol="JPM", qty="-3"),
    ]  # fmt: skip
    found = booked(*rows)
    assert [(action.symbol, action.new_symbol) for action in found.actions] == [("AAPL", "XOM")]
    assert sum(fill.cash_change for fill in found.fills) == 50
