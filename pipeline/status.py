"""The whole status as plain values: models, feed, broker, book, jobs, memory, configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pipeline.announce import portfolio_data, regime_data
from pipeline.jobs import job_data
from pipeline.service import EngineService

Facts = Callable[[datetime], Mapping[str, Any]]


def status_bytes(service: EngineService, models: Facts, degraded: Callable[[], Sequence[str]]) -> bytes:
    """Encode the status.

    Parameters
    ----------
    models : callable
        Gives each model's card at a moment: version, window, out-of-sample metrics, age.
    degraded : callable
        Gives what is missing or fallen back, in words.
    """
    now = service.clock.now()
    return msgspec.json.encode(
        {
            "as_of": now.isoformat(),
            "health": service.health(),
            "not_ready": service.not_ready_reason(),
            "degraded": list(degraded()),
            "models": models(now),
            "jobs": [job_data(job) for job in service.jobs()[:20]],
            "memory": {"resident_mb": resident_mb()},
            **_engine_facts(service),
        }
    )


def _engine_facts(service: EngineService) -> dict[str, Any]:
    engine = service.engine
    if engine is None:
        return {}
    view, report = engine.last_view, engine.last_report
    regime = report.plan.opinion.regime if report else None
    return {
        "trading_state": engine.state.value,
        "data": {
            "source": view.source if view else None,
            "bars_until": str(view.session) if view and view.row >= 0 else None,
            "fault": view.feed_fault if view else "",
            "stale": dict(view.stale) if view else {},
        },
        "broker": {"orders_go_to": engine.parts.route, "name": engine.parts.broker.name},
        "portfolio": portfolio_data(engine.portfolio)
        | {"pending": [order.client_order_id for order in engine.portfolio.pending]},
        "regime": regime_data(regime) if regime else None,
        "last_decision_id": report.decision_id if report else None,
        "config_digest": engine.parts.config_digest(),
    }


def resident_mb() -> float | None:
    """Give the process's resident memory in MiB; None where the platform does not say."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # not a path of ours
            return round(int(statm.read().split()[1]) * 4096 / 2**20, 1)
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20, 1)
