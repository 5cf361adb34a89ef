"""What the status and the log show of the wired parts: models, settings, and what is degraded."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import structlog

from config.universe_file import few
from core.times import market_date
from core.universe import Universe
from daemon.engine_service import EngineService
from daemon.log_stream import LogStream
from daemon.status import status_bytes
from daemon.wiring.cron import JobScheduler
from daemon.wiring.engine_factory import EngineFactory
from daemon.wiring.notifications import NotificationService
from daemon.wiring.protective_levels import breaker_limits
from pipeline.engine import Engine

log = structlog.get_logger("start")


def degraded(
    engines: EngineFactory,
    scheduler: JobScheduler,
    notifications: NotificationService,
    engine: Engine | None,
) -> list[str]:
    """Return what is missing or fallen back, in words."""
    held = engine.portfolio.positions if engine else ()
    return [
        *(f"environment: {what}" for what in engines.environment.unknown),
        *engines.trading.universe.notes,
        *without_members(engines.trading.universe, engines.clock.now()),
        *held_outside(engines.trading.universe, held, engines.clock.now()),
        *engines.notes(),
        *engines.brokers.notes(),
        *scheduler.faults,
        *([engines.limits.fault] if engines.limits.fault else []),
        *engines.ranker.faults,
        *engines.ensemble.faults,
        *engines.sentiment.faults,
        *engines.memory.faults,
        *engines.plugins.faults,
        *engines.shadows.faults,
        *engines.scores.faults,
        *notifications.faults,
        *lost_log(sys.stderr),
    ]


def without_members(universe: Universe, now: datetime) -> list[str]:
    """Say so when none of the universe's stocks belongs to it today: nothing can be bought."""
    today = np.array([market_date(now)], dtype="datetime64[D]")
    if not universe.is_dated or universe.members(today, universe.stocks).any():
        return []
    return [
        f"universe {universe.name}: none of its {len(universe.stocks)} stocks belongs to it today, so nothing is "
        "bought: mend its dates, or choose another universe"
    ]


def held_outside(universe: Universe, held: Collection[str], now: datetime) -> list[str]:
    """Say what is held and does not belong to the universe today: it left, or another universe was chosen."""
    stocks = sorted(set(held).intersection(universe.stocks))
    today = np.array([market_date(now)], dtype="datetime64[D]")
    belongs = universe.members(today, stocks)[0]
    left = [stock for stock, stays in zip(stocks, belongs, strict=True) if not stays]
    left = sorted({*left, *set(held).difference(universe.stocks)})
    if not left:
        return []
    return [
        f"universe {universe.name}: held, and not of it today: {few(left)}. Exit rules hold for it and it may be "
        "sold; it is not ranked and not bought again. POST /sell sells one now"
    ]


def lost_log(stream: object) -> list[str]:
    """Return how much of the log its reader did not take, in words; nothing where all was taken."""
    if not isinstance(stream, LogStream) or not stream.lost_writes:
        return []
    return [
        f"log: {stream.lost_writes} writes were lost since the start: whoever reads the log (a pipe, a disk) did "
        "not take them. Trading goes on and the ledger has every decision; mend the reader"
    ]


def encode_status(
    service: EngineService,
    engines: EngineFactory,
    scheduler: JobScheduler,
    notifications: NotificationService,
) -> bytes:
    """Return the service's status as JSON, with each model's card and the settings in force."""

    def models(now: datetime) -> Mapping[str, Any]:
        return {
            **engines.ranker.cards(now),
            "rl": engines.ensemble.card(now),
            "sentiment": engines.sentiment.card(),
        }

    return status_bytes(
        service,
        models=models,
        degraded=lambda: degraded(engines, scheduler, notifications, service.engine),
        settings={
            "profile": engines.trading.profile,
            "broker_mode": engines.trading.broker.mode,
            "regime_window_sessions": engines.trading.regime.window_sessions,
            "limits": breaker_limits(engines.limits.settings),
            "market_open": engines.market_open(service.now()),
        },
        timetable=scheduler.timetable,
        graph=engines.memory.card,
        cards={
            "notifications": notifications.card,
            "clock": engines.brokers.clock_card,
            "agents": lambda: engines.plugins.card(service.last_decision),
            "universe": lambda: universe_card(engines.trading.universe),
            "optional": lambda: [*engines.ensemble.optional, *engines.sentiment.optional],
        },
    )


def universe_card(universe: Universe) -> Mapping[str, Any]:
    """Describe whose stocks are traded."""
    return {
        "name": universe.name,
        "source": universe.source,
        "stocks": len(universe.stocks),
        "sectors": len(universe.sectors),
        "dated": universe.is_dated,
    }


def log_built(engine: Engine, engines: EngineFactory, degraded: list[str]) -> None:
    """Log what an engine was built from."""
    log.info(
        "engine.built",
        feed=engine.last_view.source if engine.last_view else None,
        orders_go_to=engines.route.value,
        profile=engines.trading.profile,
        ledger=engines.open_ledger().found,
        degraded=degraded,
    )
