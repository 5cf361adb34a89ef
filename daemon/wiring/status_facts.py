"""What the status and the log show of the wired parts: models, settings, and what is degraded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from daemon.engine_service import EngineService
from daemon.status import status_bytes
from daemon.wiring.cron import JobScheduler
from daemon.wiring.engine_factory import EngineFactory, EngineIngredients
from daemon.wiring.protective_levels import breaker_limits
from pipeline.engine import Engine

log = structlog.get_logger("start")


def degraded(made: EngineIngredients, engines: EngineFactory, scheduler: JobScheduler) -> list[str]:
    """Return what is missing or fallen back, in words."""
    return [
        *engines.notes(),
        *made.brokers.notes(),
        *scheduler.faults,
        *([made.limits.fault] if made.limits.fault else []),
        *made.ranker.faults,
        *made.ensemble.faults,
        *made.sentiment.faults,
        *made.memory.faults,
    ]


def encode_status(
    service: EngineService, made: EngineIngredients, engines: EngineFactory, scheduler: JobScheduler
) -> bytes:
    """Return the service's status as JSON, with each model's card and the settings in force."""

    def models(now: datetime) -> Mapping[str, Any]:
        return {**made.ranker.cards(now), "rl": made.ensemble.card(now), "sentiment": made.sentiment.card()}

    return status_bytes(
        service,
        models=models,
        degraded=lambda: degraded(made, engines, scheduler),
        settings={
            "profile": made.trading.profile,
            "broker_mode": made.trading.broker.mode,
            "regime_window_sessions": made.trading.regime.window_sessions,
            "limits": breaker_limits(made.limits.settings),
            "market_open": engines.market_open(service.now()),
        },
        timetable=scheduler.timetable,
        graph=made.memory.card,
    )


def log_built(engine: Engine, made: EngineIngredients, ledger: str, degraded: list[str]) -> None:
    """Log what an engine was built from."""
    log.info(
        "engine.built",
        feed=engine.last_view.source if engine.last_view else None,
        orders_go_to=made.route.value,
        profile=made.trading.profile,
        ledger=ledger,
        degraded=degraded,
    )
