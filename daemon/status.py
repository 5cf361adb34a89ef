"""The whole status as plain values: models, feed, broker, portfolio, jobs, memory, configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from core.flattening import FlattenProgress
from core.long_jobs import Job, JobStatus
from core.schedule import Timetable
from core.types import StepReport, TradingState
from daemon.child_jobs import job_data
from daemon.engine_service import EngineService
from daemon.process_memory import resident_mb
from daemon.reconciliation_card import degraded_by_account, reconciliation_line
from daemon.unwatched import unwatched_reason
from pipeline.engine import Engine
from pipeline.flattening import flatten_progress
from pipeline.report_events import portfolio_data, regime_data
from pipeline.reports import last_bar_age_seconds

Facts = Callable[[datetime], Mapping[str, Any]]
Card = Callable[[], Mapping[str, Any] | Sequence[str]]
JOBS_SHOWN_MAX = 20
NO_CARDS: Mapping[str, Card] = {}
NO_GRAPH: Mapping[str, Any] = {"state": "no memory graph is wired; every decision is in the ledger"}


def status_bytes(
    service: EngineService,
    *,
    models: Facts,
    degraded: Callable[[], Sequence[str]],
    settings: Mapping[str, Any],
    timetable: Callable[[], Timetable],
    graph: Callable[[], Mapping[str, Any]] = lambda: NO_GRAPH,
    cards: Mapping[str, Card] = NO_CARDS,
) -> bytes:
    """Encode the status.

    Parameters
    ----------
    models : callable
        Returns each model's card at a moment: version, window, out-of-sample metrics, age.
    degraded : callable
        Returns what is missing or fallen back, in words.
    settings : mapping
        `profile`, `broker_mode`, `regime_window_sessions` and the breakers' `limits`, as configured, and
        `market_open`.
    timetable : callable
        Returns what runs by itself.
    graph : callable
        Describes each store of the memory: where it is, how far it is, what is wrong with it.
    cards : mapping of str to callable
        What else is described, by its key in the status: the receivers of messages, this machine's clock, and
        as `optional` those of the `degraded` lines that say what is not set up and need not be.
    """
    now, planned = service.now(), timetable()
    unwatched = unwatched_reason(service.engine, planned)
    regime = _regime_card(service.last_decision, now, settings["regime_window_sessions"])
    return msgspec.json.encode(
        {
            "as_of": now.isoformat(),
            "health": service.health(),
            "not_ready": service.not_ready_reason(),
            "degraded": [*_stopped(service), *([unwatched] if unwatched else []), *degraded()],
            "unwatched": unwatched,
            "models": {"regime": regime, **models(now)},
            "jobs": [job_data(job) for job in jobs_shown(service.jobs())],
            "scheduler": planned,
            "memory": {"resident_mb": resident_mb(), "graph": graph()},
            **{name: card() for name, card in cards.items()},
            "profile": settings["profile"],
            "limits": settings["limits"],
            "market_open": settings["market_open"],
            **_engine_facts(service, settings["broker_mode"]),
        }
    )


def jobs_shown(jobs: Sequence[Job]) -> list[Job]:
    """Return the newest jobs, and every one that still runs, newest first."""
    return [job for place, job in enumerate(jobs) if place < JOBS_SHOWN_MAX or job.status is JobStatus.RUNNING]


def _stopped(service: EngineService) -> Iterator[str]:
    """Yield what keeps the engine from trading."""
    if service.not_ready_reason():
        yield service.not_ready_reason()
    yield from degraded_by_account(service.engine)
    yield from degraded_feed(service.engine)
    if service.engine is None or service.engine.state is TradingState.ACTIVE:
        return
    yield f"trading is {service.engine.state.value}: {service.state_reason() or 'no reason is recorded'}"


def degraded_feed(engine: Engine | None) -> Iterator[str]:
    """Yield why the last step could not trust its feed as a whole, in words; nothing where it could."""
    view = engine.last_view if engine else None
    if view is not None and view.feed_fault:
        yield f"feed: {view.feed_fault}"


def flatten_data(progress: FlattenProgress) -> dict[str, Any]:
    """Return a flatten as plain values."""
    return {
        "in_progress": progress.since is not None,
        "since": progress.since.isoformat() if progress.since else None,
        "left": [
            {"ticker": left.symbol, "quantity": str(left.quantity), "reason": left.reason}
            for left in progress.left
        ],
    }


def _engine_facts(service: EngineService, broker_mode: str) -> dict[str, Any]:
    engine = service.engine
    if engine is None:
        return {}
    decided, found = service.last_decision, service.recovery
    regime = decided.plan.analysis.regime if decided else None
    pending = [order.client_order_id for order in engine.portfolio.pending]
    return {
        "trading_state": engine.state.value,
        "state_reason": service.state_reason(),
        "reconciliation": reconciliation_line(engine),
        "recovery": {"mended": found.mended, "differences": found.differences} if found else None,
        "data": _feed_facts(engine, service.now()),
        "broker": {"mode": broker_mode, "orders_go_to": engine.parts.route, "name": engine.parts.broker.name},
        "portfolio": portfolio_data(engine.portfolio) | {"pending": pending},
        "flatten": flatten_data(flatten_progress(engine)),
        "protection": engine.parts.protection.by_symbol(),
        "regime": regime_data(regime) if regime else None,
        "last_decision_id": decided.decision_id if decided else None,
        "config_digest": engine.parts.config_digest(),
    }


def _feed_facts(engine: Engine, now: datetime) -> dict[str, Any]:
    view = engine.last_view
    if view is None:
        return {"source": None, "as_of": None, "bars_until": None, "fault": "", "stale": {}}
    return {
        "source": view.source,
        "as_of": view.as_of.isoformat(),
        "bars_until": str(view.session) if view.row >= 0 else None,
        "last_bar_age_seconds": last_bar_age_seconds(view, now),
        "quotes": len(view.quotes),
        "market_open": view.market_open,
        "fault": view.feed_fault,
        "stale": dict(view.stale),
    }


def _regime_card(decided: StepReport | None, now: datetime, window_sessions: int) -> Mapping[str, Any]:
    """Describe the regime's model; it has no labels, so there is nothing to be right about out of sample."""
    regime = decided.plan.analysis.regime if decided else None
    if regime is None:
        return {"state": "no decision has asked it yet"}
    fitted = datetime.strptime(regime.model_id.split("-")[2], "%Y%m%d").replace(tzinfo=UTC)
    return {
        "state": "in use",
        "version": "hmm-2",
        "model_id": regime.model_id,
        "window": {"last": str(fitted.date()), "sessions_max": window_sessions},
        "judged_at": regime.as_of.isoformat(),
        "out_of_sample": None,
        "age_days": max(0, (now - fitted).days),
    }
