"""The backtest at the daemon's own cadence: 20 sessions on five-minute bars, the same ledger byte for byte."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.events.hub import EventHub
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import SqlitePaperStore
from adapters.parquet.intraday_bars import FiveMinuteBars
from adapters.run_store import FileRunStore
from agents.build import team_for
from backtest.app.engine import BacktestEngine, build_backtest_engine, rebuilt
from backtest.app.intraday import IntradayBroker, intraday_schedule
from backtest.runner import run
from config.environment import OrderRoute
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.orders import RISK_EXITS
from core.ports import Team
from core.types import BarPanel, Side, StepReport
from models.factors.store import FactorStore
from pipeline.engine import Engine
from pipeline.reconciliation import recover
from pipeline.report_events import publish_events_to
from scheduler.cron import Cron
from scheduler.timetable import JOBS
from tests.default_universe import SECTOR_ETF_OF
from tests.simulation.desk import (
    BEGINS,
    CALENDAR,
    Desk,
    Limits,
    market,
    models,
    ready,
    serve,
    settings,
    stored_ranker,
)

STOCKS = ("AAPL", "MSFT", "NVDA", "AMD", "JPM", "XOM", "TSLA", "AMZN", "LLY", "CAT", "COIN")
SESSIONS, BARS = 20, 78


def five_minute_bars(path: Path, panel: BarPanel, rows: range) -> FiveMinuteBars:
    """Make paths from each daily bar's open to its close that stay between its low and its high."""
    rng, out = np.random.default_rng(1), []
    for row in rows:
        opens_at = CALENDAR.sessions(panel.dates[row], panel.dates[row])[0][1]
        for name in STOCKS:
            column = panel.column[name]
            first, high, low, last = (
                float(part[row, column]) for part in (panel.open, panel.high, panel.low, panel.close)
            )
            if not np.isfinite(first):
                continue
            steps = np.cumsum(rng.normal(0, 1, BARS))
            bridge = steps - np.linspace(0, steps[-1], BARS)
            closes = np.clip(np.linspace(first, last, BARS) + bridge * (high - low) / 8, low, high)
            out += [
                {
                    "timestamp": opens_at + place * timedelta(minutes=5), "ticker": name,
                    "open": first if place == 0 else float(closes[place - 1]), "close": float(close),
                }
                for place, close in enumerate(closes)
            ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(out), path)
    return FiveMinuteBars(path, STOCKS, CALENDAR)


def small() -> TradingSettings:
    """Eleven stocks and eager votes, so that the stops have something to do."""
    eager = {
        "watchlist": {"tickers": list(STOCKS)},
        "synthesizer": {"buy_score_min": -0.5, "sell_score_max": -0.95},
        "quant": settings().quant.model_dump() | {"candidate_probability_min": 0.0},
        "regime": settings().regime.model_dump(),
    }
    return TradingSettings.model_validate(eager)


def backtest_engine(panel: BarPanel, bars: FiveMinuteBars, limits: RiskSettings) -> BacktestEngine:
    trading, factors = small(), FactorStore(SECTOR_ETF_OF)

    def team_of(checked: BarPanel) -> Team:
        factors.prepare(checked)
        return team_for(trading, stored_ranker(Path(models().name)), factors)

    made = build_backtest_engine(panel, trading, limits, team_of, source="made up", quotes=bars.quotes)
    made.clock.set(panel.closed_at[first_row(panel)] - timedelta(hours=1))
    return rebuilt(made, broker=IntradayBroker(trading.broker, made.clock, bars))


def first_row(panel: BarPanel) -> int:
    return int(np.searchsorted(panel.sessions, BEGINS))


async def served(made: BacktestEngine, folder: Path, until_row: int) -> bytes:
    """Live through the same sessions as the daemon does: its service, its jobs, files; return the ledger."""
    hub, clock, trading = EventHub(), made.clock, small()
    broker = PaperBroker(trading.broker, clock, SqlitePaperStore(folder / "paper.sqlite"))
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    parts = replace(
        made.engine.parts, broker=broker, ledger=ledger, events=hub, publish_events=publish_events_to(hub)
    )
    service = serve(
        Desk(engine=Engine(parts), clock=clock, broker=broker, ledger=ledger, hub=hub, limits=Limits())
    )
    await ready(service)
    cron = Cron(
        service, clock=clock, calendar=CALENDAR, events=hub, store=FileRunStore(folder / "jobs.json"),
        settings=trading.scheduler, specs=[spec for spec in JOBS if spec.on_sessions],
    )  # fmt: skip
    until = made.panel.closed_at[until_row]
    while (due := cron.alarms.soonest(clock.now()))[0] <= until:
        clock.set(due[0])
        if due[0] < made.panel.closed_at[first_row(made.panel)]:
            continue
        for name in due[1]:
            await cron.fire(name)
    dump = ledger.dump()
    await service.stop()
    return dump


def assert_it_lived(reports: list[StepReport]) -> None:
    fills = [fill for report in reports for fill in report.fills]
    assert {fill.side for fill in fills} == {Side.BUY, Side.SELL}
    assert any(fill.rule in RISK_EXITS for fill in fills)
    assert any(refused.rule == "reentry" for report in reports for refused in report.plan.refused)
    assert {report.cycle.name for report in reports} >= {"decide", "risk_check", "regime", "settle"}
    assert len({fill.at.astimezone(UTC).time() for fill in fills}) > 5


@pytest.mark.parametrize("sessions", [SESSIONS])
def test_twenty_sessions_at_the_daemons_cadence_write_the_same_ledger(sessions: int, tmp_path: Path) -> None:
    panel, limits = market(), RiskSettings()
    first = first_row(panel)
    last = first + sessions
    bars = five_minute_bars(tmp_path / "five.parquet", panel, range(first + 1, last + 1))
    alone = backtest_engine(panel, bars, limits)
    recover(alone.engine)
    done = run(
        alone.engine,
        alone.clock,
        intraday_schedule(bars, panel, first, last, STOCKS),
        resume_after_sessions=10_000,
    )
    assert_it_lived(list(alone.ledger.steps()))
    assert len(done.sessions) == sessions + 1
    bought: dict[tuple[str, str], int] = {}
    for fill in done.fills:
        key = (fill.symbol, str(fill.at.date()))
        if fill.side is Side.SELL and fill.rule in RISK_EXITS:
            bought[key] = 0
        elif key in bought:
            bought[key] += 1
    assert bought
    assert not any(bought.values()), "a stock was bought back in the session of its stop"
    assert asyncio.run(served(backtest_engine(panel, bars, limits), tmp_path, last)) == alone.ledger.dump()
