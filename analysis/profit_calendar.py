"""Profit by session, month and year, to the cent: what adds up to the change of equity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from core.money import to_cents
from core.service import EquityMark
from core.times import market_date
from core.trading import ZERO
from core.trading_history import ClosedTrade, PeriodResult, ProfitCalendar

MONTH, YEAR = len("2025-06"), len("2025")
SATURDAY = 5


def profit_calendar(
    marks: Sequence[EquityMark], opening_equity: Decimal, trades: Sequence[ClosedTrade]
) -> ProfitCalendar:
    """Return profit by session, month and year.

    Parameters
    ----------
    marks : sequence of EquityMark
        One a session, oldest first. Equity is rounded to the cent before differences are taken: they add up.
    opening_equity : Decimal
        Before the first step, US dollars.
    trades : sequence of ClosedTrade
        Each counts on the day of its last sale. A day without a step has no profit: the next mark's equity shows
        it.
    """
    days = {one.period: one for one in _by_session(marks, to_cents(opening_equity))}
    for trade in trades:
        day = market_date(trade.exit_at).isoformat()
        before = days.get(day) or PeriodResult(period=day, profit_usd=ZERO, return_pct=0.0)
        days[day] = _added(before, PeriodResult(
            period=day, profit_usd=ZERO, return_pct=0.0, realised_usd=trade.profit_usd, trades=1,
        ))  # fmt: skip
    listed = tuple(days[day] for day in sorted(days) if not _is_idle_weekend(days[day]))
    return ProfitCalendar(
        days=listed,
        months=_by_prefix(listed, MONTH),
        years=_by_prefix(listed, YEAR),
        opening_usd=to_cents(opening_equity),
        closing_usd=to_cents(marks[-1].equity if marks else opening_equity),
    )


def _is_idle_weekend(day: PeriodResult) -> bool:
    """Whether a day without a session has nothing to show but that a step was taken on it."""
    weekend = date.fromisoformat(day.period).weekday() >= SATURDAY
    return weekend and not (day.profit_usd or day.paid_in_usd or day.trades)


def _by_session(marks: Sequence[EquityMark], opening: Decimal) -> list[PeriodResult]:
    found, before = [], opening
    for mark in marks:
        equity, paid_in = to_cents(mark.equity), to_cents(mark.external_flow)
        profit = equity - before - paid_in
        found.append(PeriodResult(
            period=mark.session.isoformat(),
            profit_usd=profit,
            return_pct=float(profit / before) if before > 0 else 0.0,
            paid_in_usd=paid_in,
        ))  # fmt: skip
        before = equity
    return found


def _by_prefix(days: Sequence[PeriodResult], length: int) -> tuple[PeriodResult, ...]:
    periods: dict[str, PeriodResult] = {}
    for day in days:
        name = day.period[:length]
        before = periods.get(name) or PeriodResult(period=name, profit_usd=ZERO, return_pct=0.0)
        periods[name] = _added(before, day)
    return tuple(periods.values())


def _added(period: PeriodResult, more: PeriodResult) -> PeriodResult:
    return PeriodResult(
        period=period.period,
        profit_usd=period.profit_usd + more.profit_usd,
        return_pct=(1 + period.return_pct) * (1 + more.return_pct) - 1,
        realised_usd=period.realised_usd + more.realised_usd,
        trades=period.trades + more.trades,
        paid_in_usd=period.paid_in_usd + more.paid_in_usd,
    )
