"""A whole engine and who is told of it: each fill, halt and fault of its weeks, also those a kill kept back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from config.environment import Environment
from config.notify import NotifySettings
from config.trading import TradingSettings
from core.money import to_cents
from core.times import market_date
from core.types import TradingState
from daemon.day_summary import day_summary
from daemon.wiring.notifications import NotificationService
from tests.simulation.desk import Desk, moments, open_desk

NOWHERE = "json://127.0.0.1:9/"


def notifications(folder: Path, desk: Desk, url: str = NOWHERE) -> NotificationService:
    trading = TradingSettings(notify=NotifySettings(collect_seconds=0.0))
    environment = Environment(state_dir=folder, notify_urls=(SecretStr(url),))
    service = NotificationService(environment, trading, desk.clock)
    service.open()
    return service


def keys(service: NotificationService) -> set[str]:
    assert service._queue is not None
    service.flush()
    rows = service._queue._database.read("SELECT key FROM notifications")
    return {key for (key,) in rows}


def test_every_fill_is_told_also_those_recorded_just_before_a_kill(tmp_path: Path) -> None:
    desk = open_desk()
    first = notifications(tmp_path, desk)
    desk.hub.add_listener(first.hear)
    weeks = moments(3)
    desk.run(weeks[:-10])
    told = keys(first)
    desk.hub._listeners = ()  # from here on the process records, and is killed before it publishes
    desk.run(weeks[-10:])
    fills = {f"fill:{fill.fill_id}" for fill in desk.ledger.fills(10_000)}
    assert fills - told, "the lost steps filled something"
    assert fills & told
    first.stop()
    second = notifications(tmp_path, desk)
    second.catch_up(desk.ledger)
    assert fills <= keys(second)
    before = keys(second)
    second.catch_up(desk.ledger)
    assert keys(second) == before
    second.stop()
    desk.close()


def test_a_ledger_from_before_is_not_told_again(tmp_path: Path) -> None:
    desk = open_desk()
    desk.run(moments(1))
    assert desk.ledger.fills(10)
    service = notifications(tmp_path, desk)
    service.catch_up(desk.ledger)
    assert keys(service) == set()
    service.stop()
    desk.close()


def test_the_day_s_summary_is_the_ledger_s() -> None:
    desk = open_desk()
    reports = desk.run(moments(2))
    traded = next(report for report in reversed(reports) if report.fills)
    at, session = reports[-1].as_of, market_date(reports[-1].as_of)
    summary = day_summary(session, at, desk.ledger, desk.engine.portfolio, TradingState.ACTIVE)
    assert summary is not None
    equity = desk.ledger.equity_marks(1)[-1].equity
    assert f"equity {to_cents(equity):,} USD" in summary.text
    assert "Trading is ACTIVE." in summary.text
    assert all(symbol in summary.text for symbol in desk.engine.portfolio.positions)
    if market_date(traded.as_of) == session:
        assert all(fill.symbol in summary.text for fill in traded.fills)
    later = session + timedelta(days=9)
    assert day_summary(later, at, desk.ledger, desk.engine.portfolio, TradingState.ACTIVE) is None
    desk.close()
