"""A risk check of 10 held positions through the daemon's own step, every 5 minutes of 8 simulated sessions.

The feed is the daemon's (79 quotes a look), the ledger lies on the disk and is forced to it when a stop sells;
the broker answers at once and the vendor's prices are made beforehand, so the figures are the engine's own. As in
the daemon, the day's bars and factors are the 09:00 jobs' work. Each check begins with ten positions as bought
at the opening of two sessions before: some cross a level and are sold, most do not. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import structlog

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from adapters.feeds.daily_feed import DailyFeed
from adapters.ledger import SqliteLedger
from adapters.paper.dry_run import DryRunBroker
from adapters.simulated.market import SimulatedMarket
from agents.build import assemble_team
from config.environment import OrderRoute
from config.loader import digest, load_risk, load_trading
from config.sectors import STOCKS, UNIVERSE
from core.cycles import RISK_CHECK, SETTLE
from core.money import to_price
from core.times import market_date
from core.types import Portfolio, Position
from models.factors.store import FactorStore
from models.ranker.registry import StoredRanker
from pipeline.engine import Engine, EngineDependencies
from pipeline.null_parts import NullMemory
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk

HELD = STOCKS[::6][:10]
FIRST, LAST = date(2025, 3, 3), date(2025, 3, 14)
CASH = Decimal(100_000)
EVERY = timedelta(minutes=5)
P99_MS_MAX = 20.0


def build(folder: Path, clock: ManualClock, market: SimulatedMarket, calendar: NyseCalendar) -> Engine:
    trading, risk, hub, factors = load_trading(), load_risk(), EventHub(), FactorStore()
    return Engine(
        EngineDependencies(
            clock=clock,
            feed=DailyFeed(market, calendar, UNIVERSE, trading.data),
            broker=DryRunBroker("instant"),
            ledger=SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN),
            team=assemble_team(trading, StoredRanker(folder), factors),
            risk=assemble_risk(trading, lambda: risk),
            events=hub,
            publish_events=publish_events_to(hub),
            memory=NullMemory(),
            config_digest=lambda: digest(trading, risk),
            refresh_limits=lambda: (),
            route="bench",
            initial_cash=CASH,
        )
    )


def book(market: SimulatedMarket, at: datetime) -> Portfolio:
    quotes = market.quotes(HELD, at)
    positions = {}
    for name in HELD:
        price = to_price(quotes[name].price)
        quantity = (Decimal(8_000) / price).quantize(Decimal("0.000001"))
        positions[name] = Position(
            symbol=name, quantity=quantity, average_price=price, entry_at=at, entry_session=market_date(at),
            peak_price=price, last_price=price,
        )  # fmt: skip
    equity = CASH + Decimal(80_000)
    return Portfolio(cash=CASH, positions=positions, session=market_date(at), session_open_equity=equity)


def holding(engine: Engine, portfolio: Portfolio) -> Engine:
    """Open the engine again on a portfolio."""
    engine.parts.ledger.save_portfolio(portfolio)
    return Engine(engine.parts)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    calendar = NyseCalendar()
    market, took_ms, cpu_ms, sold = SimulatedMarket(calendar), [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        sessions = calendar.sessions(FIRST, LAST)
        clock = ManualClock(sessions[0][1])
        engine = build(Path(folder), clock, market, calendar)
        for (_, bought_at, _), (_, at, closes_at) in zip(sessions, sessions[2:], strict=False):
            clock.set(at - timedelta(minutes=30))
            engine = holding(engine, book(market, bought_at))
            engine.step(SETTLE)
            market.quotes(HELD, closes_at)
            while at < closes_at:
                clock.set(at)
                engine = holding(engine, book(market, bought_at))
                began, worked = time.perf_counter(), time.process_time()
                report = engine.step(RISK_CHECK)
                took_ms.append((time.perf_counter() - began) * 1000)
                cpu_ms.append((time.process_time() - worked) * 1000)
                sold += len(report.plan.approved)
                assert len(report.plan.portfolio.positions) == len(HELD)
                at += EVERY  # noqa: PLW2901  # the day goes on
    assert sold > 20, "no stop was crossed"
    p50, p99, worst = np.percentile(took_ms, [50, 99, 100])
    print(
        json.dumps(
            {
                "bench": "risk_check",
                "positions": len(HELD),
                "checks": len(took_ms),
                "sold": sold,
                "p50_ms": round(float(p50), 2),
                "p99_ms": round(float(p99), 2),
                "max_ms": round(float(worst), 2),
                "cpu_p99_ms": round(float(np.percentile(cpu_ms, 99)), 2),
                "p99_ms_max": P99_MS_MAX,
                "load": round(os.getloadavg()[0], 2),
                "reached": bool(p99 <= P99_MS_MAX),
            }
        )
    )


if __name__ == "__main__":
    main()
