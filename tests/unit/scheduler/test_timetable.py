"""When the jobs are due and whether they run: pure, over holidays, half days, closures and both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from adapters.calendar import NyseCalendar
from core.times import NEW_YORK
from scheduler.alarms import Alarms
from scheduler.timetable import JOBS, Admission, admit

CALENDAR = NyseCalendar()
ALARMS = Alarms(JOBS)
SPECS = {spec.name: spec for spec in JOBS}
SPANS = [
    pytest.param(date(2026, 3, 2), date(2026, 3, 20), id="the clocks go forward"),
    pytest.param(date(2026, 10, 26), date(2026, 11, 6), id="the clocks go back"),
    pytest.param(date(2025, 11, 24), date(2025, 12, 2), id="Thanksgiving and its half day"),
    pytest.param(date(2025, 1, 6), date(2025, 1, 12), id="a day of mourning"),
    pytest.param(date(2025, 7, 1), date(2025, 7, 8), id="a half day before a holiday"),
]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


def admissions(name: str, first: date, last: date) -> dict[datetime, Admission]:
    due = ALARMS.all_due(name, at(first, 0), at(last + timedelta(days=1), 0))
    return {moment: admit(SPECS[name], moment, moment, CALENDAR) for moment in due}


def runs(name: str, first: date, last: date) -> list[datetime]:
    return [moment for moment, said in admissions(name, first, last).items() if not said.skipped_reason]


@pytest.mark.parametrize(("first", "last"), SPANS)
@pytest.mark.parametrize(("name", "minutes"), [("cron_risk_check", 5), ("cron_decide", 15)])
def test_every_session_is_covered_from_nine_to_its_close_and_no_other_moment(
    name: str, minutes: int, first: date, last: date
) -> None:
    expected = []
    for day, _, closes_at in CALENDAR.sessions(first, last):
        moment = at(day, 9)
        while moment <= closes_at:
            expected.append(moment)
            moment += timedelta(minutes=minutes)
    assert len(expected) > 60
    assert runs(name, first, last) == expected


@pytest.mark.parametrize(("first", "last"), SPANS)
def test_nothing_may_be_sent_but_in_the_regular_session(first: date, last: date) -> None:
    sessions = CALENDAR.sessions(first, last)
    said = admissions("cron_decide", first, last)
    for moment, admission in said.items():
        assert admission.exchange_open == any(opens <= moment < closes for _, opens, closes in sessions)
    assert {admission.exchange_open for admission in said.values()} == {True, False}


@pytest.mark.parametrize(("first", "last"), SPANS)
def test_the_regime_goes_forward_once_a_session(first: date, last: date) -> None:
    assert runs("cron_regime", first, last) == [at(day, 9) for day, *_ in CALENDAR.sessions(first, last)]


def test_the_retrain_comes_once_a_sunday_also_when_there_is_no_two_o_clock() -> None:
    moments = ALARMS.all_due("cron_weekly_retrain", at(date(2026, 1, 1), 0), at(date(2026, 12, 31), 0))
    sundays = [moment.astimezone(NEW_YORK) for moment in moments]
    assert len({moment.date() for moment in sundays}) == len(sundays) == 52
    assert {moment.weekday() for moment in sundays} == {6}
    odd = [moment for moment in sundays if moment.hour != 2]
    assert [(m.date(), m.hour) for m in odd] == [(date(2026, 3, 8), 3)], "02:00 does not exist then: it is 03:00"


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (at(date(2025, 11, 27), 10), "Thu 2025-11-27 has no session: the exchange is closed all day"),
        (at(date(2025, 1, 9), 10), "Thu 2025-01-09 has no session: the exchange is closed all day"),
        (at(date(2025, 11, 28), 13, 15), "after the half day's close at 13:00 of Fri 2025-11-28"),
        (at(date(2025, 11, 29), 9), "Sat 2025-11-29 has no session: a weekend"),
    ],
)
def test_a_skipped_run_says_why(moment: datetime, reason: str) -> None:
    assert admit(SPECS["cron_decide"], moment, moment, CALENDAR) == Admission(skipped_reason=reason)


def test_a_late_run_is_judged_by_when_it_was_due_and_sends_by_when_it_runs() -> None:
    due = at(date(2025, 11, 26), 15, 55)
    assert admit(SPECS["cron_risk_check"], due, due + timedelta(minutes=4), CALENDAR).exchange_open
    late = admit(SPECS["cron_risk_check"], due, due + timedelta(minutes=6), CALENDAR)
    assert late == Admission(exchange_open=False)


def test_jobs_due_together_come_in_order_the_held_protected_before_anything_is_bought() -> None:
    moment, names = ALARMS.soonest(at(date(2025, 11, 26), 8, 59))
    assert moment == at(date(2025, 11, 26), 9)
    assert names == ("cron_regime", "cron_risk_check", "cron_decide")


def test_the_last_due_moment_is_looked_for_within_the_grace_only() -> None:
    due = at(date(2025, 11, 26), 10, 15)
    grace = timedelta(minutes=5)
    assert ALARMS.last_due("cron_decide", due, grace) == due
    assert ALARMS.last_due("cron_decide", due + grace - timedelta(seconds=1), grace) == due
    assert ALARMS.last_due("cron_decide", due + grace, grace) is None
