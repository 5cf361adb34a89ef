from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import NyseCalendar
from adapters.feeds.assembly import assemble, settle
from adapters.feeds.rows import BarRows, split_by_symbol

CALENDAR = NyseCalendar()
SYMBOLS = ("AAPL", "SPY")
DAYS = np.array(
    [day for day, *_ in CALENDAR.sessions(date(2024, 1, 2), date(2024, 1, 31))], dtype="datetime64[D]"
)


def raw(rows: list[tuple[int, str, float]]) -> BarRows:
    names = np.array([SYMBOLS[column] for column, *_ in rows])
    days = np.array([day for _, day, _ in rows], dtype="datetime64[D]")
    return BarRows(by_symbol=split_by_symbol(names, days, np.array([[price] * 5 for *_, price in rows])))


def test_rows_in_order_make_the_panel_and_no_notes() -> None:
    made = assemble(
        raw([(0, "2024-01-02", 1.0), (0, "2024-01-03", 2.0), (1, "2024-01-03", 9.0)]), SYMBOLS, CALENDAR
    )
    np.testing.assert_array_equal(made.panel.close, [[1.0, np.nan], [2.0, 9.0]])
    assert str(made.panel.known_at[0]) == "2024-01-02T21:00:00.000000"
    assert made.notes == {}


def test_rows_out_of_order_are_sorted_and_named() -> None:
    made = assemble(
        raw([(0, "2024-01-03", 2.0), (0, "2024-01-02", 1.0), (1, "2024-01-02", 9.0)]), SYMBOLS, CALENDAR
    )
    np.testing.assert_array_equal(made.panel.close[:, 0], [1.0, 2.0])
    assert made.notes == {"AAPL": "1 rows out of order, sorted, around 2024-01-02"}


def test_equal_duplicates_are_one_bar_and_contradictory_ones_none() -> None:
    rows = [(0, "2024-01-02", 1.0), (0, "2024-01-02", 1.0), (1, "2024-01-02", 9.0), (1, "2024-01-02", 8.0)]
    made = assemble(raw([*rows, (1, "2024-01-03", 7.0)]), SYMBOLS, CALENDAR)
    np.testing.assert_array_equal(made.panel.close, [[1.0, np.nan], [np.nan, 7.0]])
    assert made.notes == {"SPY": "2 contradictory duplicate rows, dropped: 2024-01-02"}


def test_days_without_a_session_are_dropped_and_named() -> None:
    rows = [(0, "2024-01-12", 1.0), (0, "2024-01-13", 3.0), (0, "2024-01-15", 4.0), (0, "2024-01-16", 2.0)]
    made = assemble(raw(rows), SYMBOLS, CALENDAR)  # a Saturday, and Martin Luther King's day
    np.testing.assert_array_equal(made.panel.close[:, 0], [1.0, 2.0])
    assert made.notes == {"AAPL": "2 rows on days without a session, dropped: 2024-01-13"}


def test_nothing_makes_an_empty_panel() -> None:
    nothing = BarRows(by_symbol={})
    assert assemble(nothing, SYMBOLS, CALENDAR).panel.close.shape == (0, 2)
    assert assemble(nothing, SYMBOLS, CALENDAR).panel.digest == b""
    assert settle(nothing, SYMBOLS, CALENDAR) == nothing


def test_what_the_rows_came_with_is_said_beside_what_was_settled() -> None:
    rows = raw([(0, "2024-01-13", 3.0), (1, "2024-01-12", 9.0)])
    made = assemble(BarRows(by_symbol=rows.by_symbol, notes={"cache": "begun anew"}), SYMBOLS, CALENDAR)
    assert set(made.notes) == {"AAPL", "cache"}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 60))
def test_settled_rows_are_in_order_each_once_and_make_the_same_panel(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    days = np.arange("2024-01-02", "2024-01-20", dtype="datetime64[D]")
    rows = raw([
        (int(rng.integers(2)), str(rng.choice(days)), float(rng.integers(1, 3))) for _ in range(count)
    ])  # fmt: skip
    settled = settle(rows, SYMBOLS, CALENDAR)
    for bars in settled.by_symbol.values():
        assert len(bars.sessions) and (np.diff(bars.sessions) > np.timedelta64(0, "D")).all()
    whole = assemble(rows, SYMBOLS, CALENDAR)
    again = assemble(BarRows(by_symbol=settled.by_symbol), SYMBOLS, CALENDAR)
    assert settled.notes == whole.notes and again.notes == {}
    assert again.panel.digest == whole.panel.digest


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 40))
def test_the_order_of_rows_never_changes_the_panel(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.choice(2 * len(DAYS), min(count, 2 * len(DAYS)), replace=False)
    rows = [(int(cell % 2), str(DAYS[cell // 2]), float(rng.uniform(1, 9))) for cell in cells]
    ordered = assemble(raw(sorted(rows)), SYMBOLS, CALENDAR)
    shuffled = assemble(raw([rows[i] for i in rng.permutation(len(rows))]), SYMBOLS, CALENDAR)
    assert ordered.notes == {}
    assert shuffled.panel.digest == ordered.panel.digest
    assert int(np.isfinite(ordered.panel.close).sum()) == len(rows)
