"""What a decision as of a past moment says of it: no bars yet, or whose close it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RequestError
from core.times import NEW_YORK
from core.types import MarketView
from pipeline.past_views import WHAT_IF, past_view_notes, require_bars
from tests.panels import make_panel

PANEL = make_panel(sessions=60, symbols=("SPY", "KO"), start="2022-01-03")  # Mondays to Fridays, known at 21:00
FIRST = datetime(2022, 1, 3, 21, 0, tzinfo=UTC)


def view(as_of: datetime, *, market_open: bool = False) -> MarketView:
    return MarketView(as_of=as_of, bars=PANEL.prefix(PANEL.rows_known(as_of)), market_open=market_open)


@settings(deadline=None)
@given(st.timedeltas(timedelta(0), timedelta(days=80)))
def test_the_close_is_named_exactly_when_it_is_not_that_days(after: timedelta) -> None:
    as_of = FIRST + after
    seen = view(as_of)
    require_bars(seen)
    notes = past_view_notes(seen)
    assert notes[0] == WHAT_IF
    day = as_of.astimezone(NEW_YORK).date()
    last = max(session for session in PANEL.dates if datetime(*session.timetuple()[:3], 21, tzinfo=UTC) <= as_of)
    assert len(notes) == 1 + (day != last)
    assert all(f"{day:%A} {day}" in note and note.endswith(f"{last:%A} {last}") for note in notes[1:])


@pytest.mark.parametrize(
    ("as_of", "ending"),
    [
        (datetime(2022, 1, 15, 17, 0, tzinfo=UTC), "Friday 2022-01-14"),  # a Saturday
        (datetime(2022, 1, 17, 3, 0, tzinfo=UTC), "Friday 2022-01-14"),  # still Sunday in New York
        (datetime(2022, 1, 12, 14, 0, tzinfo=UTC), "Tuesday 2022-01-11"),  # before the bell
    ],
)
def test_golden_moments(as_of: datetime, ending: str) -> None:
    assert past_view_notes(view(as_of))[1].endswith(f"this is the close of {ending}")


def test_inside_a_session_there_are_quotes_and_nobody_speaks_of_a_close() -> None:
    assert past_view_notes(view(datetime(2022, 1, 12, 16, 0, tzinfo=UTC), market_open=True)) == (WHAT_IF,)


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=7_000)))
def test_a_moment_before_all_bars_is_refused_with_the_first_session(before: timedelta) -> None:
    with pytest.raises(RequestError) as refused:
        require_bars(view(FIRST - before))
    assert refused.value.status == 422
    assert "before 2022-01-03, the first session" in refused.value.message
