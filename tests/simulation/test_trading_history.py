"""A simulated year's trades, calendar and performance are the ledger's, to the cent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from core.money import to_cents
from core.times import NEW_YORK
from core.trading_history import GroupResult
from core.types import Fill, Side
from daemon.wiring.history import HistoryService
from tests.simulation.desk import SUBMIT, Desk, assert_it_did_something, history_of, market, open_desk

SESSIONS = 252
FIRST_SESSION = np.datetime64("2020-06-29", "D")
CLOSED_HOUR = 16
Year = tuple[Desk, HistoryService]


@pytest.fixture(scope="module")
def year() -> Iterator[Year]:
    row = int(np.searchsorted(market().sessions, FIRST_SESSION))
    days = market().sessions[row : row + SESSIONS].tolist()
    moments = [
        (datetime(day.year, day.month, day.day, CLOSED_HOUR, 30, tzinfo=NEW_YORK).astimezone(UTC), SUBMIT)
        for day in days
    ]
    desk = open_desk(at=moments[0][0])
    limits = desk.limits.settings  # no breaker ends the year
    daily = limits.daily_limits.model_copy(update={"max_daily_loss_pct": -0.9})
    breakers = limits.circuit_breakers.model_copy(update={"max_drawdown_pct": -0.9})
    desk.limits.put(limits.model_copy(update={"daily_limits": daily, "circuit_breakers": breakers}))
    assert_it_did_something(desk.run(moments))
    yield desk, history_of(desk)
    desk.close()


def cash_flow(fills: list[Fill]) -> Decimal:
    return sum((fill.cash_change for fill in fills), Decimal(0))


def test_trades_are_those_of_the_ledger(year: Year) -> None:
    desk, history = year
    trades, kept = history.closed_trades(), desk.ledger.trades(10**6)[::-1]
    assert len(trades) > 100
    assert [trade.number for trade in trades] == list(range(1, len(trades) + 1))
    for trade, round_trip in zip(trades, kept, strict=True):
        assert trade.profit_usd == round_trip.profit_usd
        assert (trade.symbol, trade.entry_at, trade.exit_at) == (
            round_trip.symbol, round_trip.entry_at, round_trip.exit_at,
        )  # fmt: skip
        assert trade.profit_usd == cash_flow(list(trade.fills)) + trade.dividends_usd


def test_trades_and_what_is_open_are_the_change_of_cash(year: Year) -> None:
    desk, history = year
    trades = history.closed_trades()
    closed = {fill.fill_id for trade in trades for fill in trade.fills}
    still_open = [fill for fill in desk.ledger.fills(10**6) if fill.fill_id not in closed]
    paid = sum((moved.amount for moved in desk.ledger.cash_movements(10**6)), Decimal(0))
    in_trades = sum((trade.dividends_usd for trade in trades), Decimal(0))
    earned = sum((trade.profit_usd for trade in trades), Decimal(0))
    began = desk.ledger.history.opening_equity()
    assert began + earned + cash_flow(still_open) + paid - in_trades == desk.engine.portfolio.cash


def test_calendar_adds_up_to_equity_and_to_the_trades(year: Year) -> None:
    desk, history = year
    calendar, trades = history.calendar(), history.closed_trades()
    earned = sum((trade.profit_usd for trade in trades), Decimal(0))
    assert len(calendar.days) == SESSIONS
    assert calendar.closing_usd == to_cents(desk.ledger.equity_marks(1)[0].equity)
    for periods in (calendar.days, calendar.months, calendar.years):
        profit = sum((one.profit_usd + one.paid_in_usd for one in periods), calendar.opening_usd)
        assert profit == calendar.closing_usd
        assert sum((one.realised_usd for one in periods), Decimal(0)) == earned
        assert sum(one.trades for one in periods) == len(trades)
        grown = float(np.prod([1 + one.return_pct for one in periods]))
        assert grown == pytest.approx(float(calendar.closing_usd / calendar.opening_usd), rel=1e-9)
    assert len({one.period for one in calendar.months}) in (12, 13)


def test_each_grouping_adds_up_to_the_trades(year: Year) -> None:
    _, history = year
    trades, by = history.closed_trades(), history.performance()
    assert set(by) == {"ticker", "sector", "agent", "exit_rule", "weekday"}
    totals: Mapping[str, Decimal] = {name: profit_of(list(groups)) for name, groups in by.items()}
    assert set(totals.values()) == {sum((trade.profit_usd for trade in trades), Decimal(0))}
    for groups in by.values():
        assert sum(group.trades for group in groups) == len(trades)
        assert all(group.won <= group.trades for group in groups)
    assert len(by["agent"]) > 1
    assert len(by["weekday"]) == 5


def profit_of(groups: list[GroupResult]) -> Decimal:
    return sum((group.profit_usd for group in groups), Decimal(0))


def test_slippage_is_against_the_price_the_decision_stood_on(year: Year) -> None:
    desk, history = year
    trade = history.closed_trades()[-1]
    references = desk.ledger.reference_prices([fill.client_order_id for fill in trade.fills])
    worse = Decimal(0)
    for fill in trade.fills:
        by = fill.price - references[fill.client_order_id]
        worse += to_cents(fill.quantity * (by if fill.side is Side.BUY else -by))
    assert trade.slippage_usd == worse != 0


def test_a_ticker_shows_its_bars_fills_and_votes(year: Year) -> None:
    desk, history = year
    symbol = history.closed_trades()[-1].symbol
    found = history.ticker(symbol, SESSIONS)
    assert len(found.candles.sessions) == len(found.candles.close) == SESSIONS
    assert [one.fill.fill_id for one in found.fills] == [
        fill.fill_id for fill in reversed(desk.ledger.fills(10**6)) if fill.symbol == symbol
    ]
    assert found.trades == tuple(trade for trade in history.closed_trades() if trade.symbol == symbol)
    assert found.votes
    for said in found.votes:
        report = desk.ledger.decision(said.decision_id)
        assert report is not None
        (decision,) = [one for one in report.plan.decisions if one.symbol == symbol]
        assert said.votes == {vote.signal.agent: vote.signal.score for vote in decision.votes}


def test_an_unknown_ticker_has_nothing(year: Year) -> None:
    found = year[1].ticker("NONE", 60)
    assert (found.candles.sessions, found.fills, found.votes) == ((), (), ())
