from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from msgspec.structs import replace

from adapters.feeds.action_gate import LISTED_DAYS, ActionGate
from adapters.feeds.action_table import ActionTable, Doubt
from core.times import opening
from core.types import ActionKind, BarPanel, CorporateAction, Quote

DAY = date(2024, 3, 12)
SPLIT = CorporateAction(symbol="X", kind=ActionKind.SPLIT, ex_date=DAY, ratio=Decimal(4), source="vendor")
DIVIDEND = CorporateAction(
    symbol="X", kind=ActionKind.DIVIDEND, ex_date=DAY, cash_per_share=Decimal(1), source="vendor"
)
OPEN = opening(DAY)


def panel(*days: str, close: float = 25.0) -> BarPanel:
    sessions = np.array(days, dtype="datetime64[D]")
    table = np.full((len(days), 1), close)
    known_at = (sessions + np.timedelta64(21, "h")).astype("datetime64[us]")
    return BarPanel(
        sessions=sessions, known_at=known_at, symbols=("X",), open=table, high=table, low=table, close=table,
        volume=table,
    )  # fmt: skip


BEFORE = panel("2024-03-08", "2024-03-11")


def quoted(price: float) -> dict[str, Quote]:
    return {"X": Quote(symbol="X", price=price, at=OPEN)}


def test_before_the_open_a_symbol_that_goes_ex_is_frozen_and_at_the_open_it_waits_for_a_price() -> None:
    gate, table = ActionGate(), ActionTable(known=(SPLIT,))
    early = gate.admit(OPEN - timedelta(minutes=30), table, BEFORE, {})
    assert early.actions == () and "its last price is from before" in early.frozen["X"]
    silent = gate.admit(OPEN + timedelta(minutes=1), table, BEFORE, {})
    assert silent.actions == () and "no live price in new shares is believed yet" in silent.frozen["X"]


def test_a_split_is_certain_once_the_live_price_agrees_and_stays_so() -> None:
    gate, table = ActionGate(), ActionTable(known=(SPLIT,))
    assert "contradicts" in gate.admit(OPEN, table, BEFORE, quoted(100.0)).frozen["X"]
    assert gate.admit(OPEN, table, BEFORE, quoted(24.0)) == ((SPLIT,), {})
    assert gate.admit(OPEN, table, BEFORE, {}).actions == (SPLIT,), (
        "a price that is missing later takes nothing back"
    )


def test_a_split_whose_session_is_over_needs_no_live_price() -> None:
    over = panel("2024-03-08", "2024-03-11", "2024-03-12")
    assert ActionGate().admit(OPEN + timedelta(days=1), ActionTable(known=(SPLIT,)), over, {}).actions == (SPLIT,)


def test_a_doubt_and_an_outdated_history_freeze() -> None:
    doubt = {"X": Doubt(DAY, "The list and the history differ.")}
    admitted = ActionGate().admit(OPEN, ActionTable(known=(SPLIT,), doubts=doubt), BEFORE, quoted(25.0))
    assert admitted.actions == () and admitted.frozen["X"].startswith(
        "The list and the history differ. It is not"
    )
    outdated = ActionTable(known=(SPLIT,), outdated=frozenset({"X"}))
    assert "fetched anew" in ActionGate().admit(OPEN, outdated, BEFORE, quoted(25.0)).frozen["X"]


def test_what_a_person_said_replaces_the_list_and_ends_the_doubt() -> None:
    said = replace(SPLIT, ratio=Decimal(3), source="user")
    table = ActionTable(known=(SPLIT,), doubts={"X": Doubt(DAY, "They differ.")})
    assert ActionGate([said]).admit(OPEN, table, BEFORE, {}) == ((said,), {})
    earlier = replace(said, ex_date=DAY - timedelta(days=9))
    assert "X" in ActionGate([earlier]).admit(OPEN, table, BEFORE, {}).frozen, "an older word"


def test_a_payment_has_the_close_before_it_and_nothing_of_tomorrow_or_long_ago_is_named() -> None:
    later, old = replace(DIVIDEND, ex_date=DAY + timedelta(days=1)), DAY - timedelta(days=LISTED_DAYS + 1)
    table = ActionTable(known=(DIVIDEND, later, replace(DIVIDEND, ex_date=old)))
    (admitted,) = ActionGate().admit(OPEN, table, BEFORE, quoted(24.0)).actions
    assert admitted == replace(DIVIDEND, close_before=Decimal(25))
