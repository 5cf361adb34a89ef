"""Membership as a mask: laws over spans, and that nothing later than a session bears on it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.universe import BENCHMARK, OTHER, Sector, Span, Universe

FIRST = date(2020, 1, 1)
DAYS = np.arange(np.datetime64(FIRST, "D"), np.datetime64(FIRST, "D") + 60)
days = st.none() | st.integers(-10, 70).map(lambda k: FIRST + timedelta(days=k))
spans = st.tuples(days, days).map(lambda pair: Span(*pair))


def universe(membership: dict[str, tuple[Span, ...]]) -> Universe:
    return Universe(name="t", source="t", sectors={"One": Sector("ETF", ("A", "B", "C"))}, membership=membership)


@given(st.lists(spans, min_size=1, max_size=3))
def test_a_stock_belongs_on_the_days_that_a_span_holds(found: list[Span]) -> None:
    mask = universe({"A": tuple(found)}).members(DAYS, ("A", "B", "ETF", BENCHMARK))
    for row, day in enumerate(DAYS.tolist()):
        held = any((s.since is None or s.since <= day) and (s.until is None or day <= s.until) for s in found)
        assert mask[row].tolist() == [held, True, True, True]


@given(st.integers(1, 59), st.lists(spans, min_size=1, max_size=3))
def test_a_prefix_of_the_sessions_has_a_prefix_of_the_mask(rows: int, found: list[Span]) -> None:
    whole = universe({"B": tuple(found)})
    assert (whole.members(DAYS, ("A", "B"))[:rows] == whole.members(DAYS[:rows], ("A", "B"))).all()


def test_only_keeps_sectors_and_dates_and_puts_strangers_in_other() -> None:
    some = universe({"A": (Span(FIRST, None),), "B": (Span(None, FIRST),)}).only(["B", "Z"])
    assert some.sectors == {"One": Sector("ETF", ("B",)), OTHER: Sector(BENCHMARK, ("Z",))}
    assert set(some.membership) == {"B"}
    assert some.is_dated


def test_symbols_are_each_once_where_a_fund_is_itself_traded() -> None:
    own = Universe(name="t", source="t", sectors={"One": Sector("ETF", ("A", "ETF", BENCHMARK))})
    assert own.symbols == ("A", "ETF", BENCHMARK)


def test_a_stranger_is_what_nobody_watches_for_the_universe() -> None:
    assert universe({}).strangers(["Z", "A", BENCHMARK, "ETF", "Y", "Z"]) == ("Y", "Z")
