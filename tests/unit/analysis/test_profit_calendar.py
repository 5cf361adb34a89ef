"""The calendar by hand, and the law that it adds up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from analysis.profit_calendar import profit_calendar
from core.money import to_cents
from core.service import EquityMark

FIRST = date(2024, 12, 30)


def mark(day: date, equity: Decimal, flow: Decimal = Decimal(0)) -> EquityMark:
    at = datetime(day.year, day.month, day.day, 21, tzinfo=UTC)
    return EquityMark(session=day, as_of=at, equity=equity, drawdown=0.0, regime=None, external_flow=flow)


def test_a_payment_is_no_profit_and_years_do_not_mix() -> None:
    marks = [
        mark(FIRST, Decimal("101")),
        mark(date(2024, 12, 31), Decimal("100")),
        mark(date(2025, 1, 2), Decimal("160"), Decimal("50")),
    ]
    found = profit_calendar(marks, Decimal("100"), [])
    assert [(one.period, one.profit_usd) for one in found.days] == [
        ("2024-12-30", Decimal("1.00")), ("2024-12-31", Decimal("-1.00")), ("2025-01-02", Decimal("10.00")),
    ]  # fmt: skip
    assert [(one.period, one.profit_usd) for one in found.years] == [
        ("2024", Decimal("0.00")), ("2025", Decimal("10.00")),
    ]  # fmt: skip
    assert found.months[1].paid_in_usd == Decimal("50.00")
    assert found.days[2].return_pct == 0.1


def test_a_weekend_is_a_day_only_when_something_came_of_it() -> None:
    friday, saturday, sunday = (date(2025, 1, day) for day in (3, 4, 5))
    marks = [mark(friday, Decimal(100)), mark(saturday, Decimal(100)), mark(sunday, Decimal(150), Decimal(50))]
    found = profit_calendar(marks, Decimal(100), [])
    assert [one.period for one in found.days] == ["2025-01-03", "2025-01-05"]


def test_an_empty_ledger_has_an_empty_calendar() -> None:
    found = profit_calendar([], Decimal(0), [])
    assert not (found.days or found.months or found.years or found.opening_usd)


@given(
    st.decimals("1", "1e6", places=4),
    st.lists(st.tuples(st.decimals("1", "1e6", places=4), st.decimals("-500", "500", places=2)), max_size=60),
)
def test_every_period_adds_up(opening: Decimal, days: list[tuple[Decimal, Decimal]]) -> None:
    marks = [mark(FIRST + timedelta(days=11 * n), *one) for n, one in enumerate(days)]
    found = profit_calendar(marks, opening, [])
    last = to_cents(marks[-1].equity if marks else opening)
    for periods in (found.days, found.months, found.years):
        assert sum((one.profit_usd + one.paid_in_usd for one in periods), to_cents(opening)) == last
