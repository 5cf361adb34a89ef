"""The application: routes, security and error responses around one service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from api import openapi, problems
from api.dependencies import Clock
from api.head_requests import HeadMiddleware
from api.identity import Identity
from api.masked_answers import MaskMiddleware
from api.routes import (
    backtest,
    backtests,
    control,
    dashboard,
    decide,
    docs,
    equity,
    evidence,
    health,
    history,
    live,
    market,
    memory,
    portfolio,
    rl,
    settings,
    taxes,
    train,
)
from api.routes import metrics as metrics_route
from api.routes.metrics import MetricsExporter, sample_lag
from api.security import SecurityMiddleware
from api.stream import endpoint
from api.stream.endpoint import Hub, StreamMiddleware
from api.token_attempts import TokenAttempts
from api.universe import UniverseMiddleware
from api.waiting_places import WaitingPlaces
from config.environment import Environment
from config.server import ServerSettings
from config.universe import DEFAULT
from config.version import engine_version
from core.letter import LetterQueries
from core.scoreboard import EvidenceQueries, NullEvidence
from core.service import Service
from core.trading_history import HistoryQueries
from core.universe import Universe

DESCRIPTION = (
    "Decides on US stocks, and can replay every decision. "
    "POST bodies are optional; errors are `application/problem+json` with a `hint`."
)

START_WAIT_SECONDS_MAX = 30.0  # a start takes a few seconds, or waits for a vendor


def system_clock() -> datetime:
    """Return the wall clock's time, UTC."""
    return datetime.now(UTC)


ROUTES = (
    health, market, decide, portfolio, control, live, train, rl, backtest, backtests, equity, evidence, history,
    memory, settings, taxes, metrics_route, dashboard, docs, endpoint,
)  # fmt: skip


def create_app(
    service: Service,
    hub: Hub[Any],
    environment: Environment,
    metrics: MetricsExporter,
    clock: Clock = system_clock,
    start_wait_seconds_max: float = START_WAIT_SECONDS_MAX,
    limits: ServerSettings = ServerSettings(),  # noqa: B008  # frozen
    universe: Universe = DEFAULT,
    judgement: EvidenceQueries | None = None,
    letters: LetterQueries | None = None,
    history: HistoryQueries | None = None,
) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    service : Service
        The engine; started with the application and stopped with it.
    hub, environment, metrics : Hub, Environment, MetricsExporter
        Where the stream's events come from; which hosts are ours, and the token; what `/metrics` gives.
    clock, start_wait_seconds_max : callable, float
        The wall clock, which `as_of` may not lie ahead of; how long a call waits for the start, before its 503.
    limits : ServerSettings
        What clients may cost: how many wait for the engine, how many wrong tokens are answered.
    universe : Universe
        Whose stocks may be named.
    judgement, letters, history : EvidenceQueries or None, LetterQueries or None, HistoryQueries or None
        What is known of books and agents, the sessions' letters, and what was earned; None where there are none.
    """
    app = FastAPI(
        title="Trading engine",
        version=engine_version(),
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,  # from the package instead of a CDN: api.routes.docs
        redoc_url=None,
        responses=openapi.ANYWHERE,
    )
    state = app.state
    state.service, state.hub, state.clock, state.metrics = service, hub, clock, metrics
    state.evidence, state.letters, state.history = judgement or NullEvidence(), letters, history
    state.start_wait_seconds_max, state.token_required = start_wait_seconds_max, environment.token is not None
    state.identity, state.waiting_places = Identity(environment), WaitingPlaces(limits.waiting_requests_max)
    app.add_middleware(UniverseMiddleware, universe=universe, held=lambda: service.portfolio().positions)
    app.add_middleware(StreamMiddleware, hub=hub)
    _add_security(app, environment, limits)
    _include_routes(app)
    return app


def _add_security(app: FastAPI, environment: Environment, limits: ServerSettings) -> None:
    attempts = TokenAttempts(limits.wrong_tokens_max, limits.wrong_tokens_seconds, time.monotonic)
    app.add_middleware(SecurityMiddleware, environment=environment, attempts=attempts)
    app.add_middleware(MaskMiddleware, mask=environment.secret_mask())
    app.add_middleware(HeadMiddleware)  # the outermost


def _include_routes(app: FastAPI) -> None:
    problems.install(app)
    openapi.install(app)
    for routes in ROUTES:
        app.include_router(routes.router)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service = app.state.service
    service.start()
    sampling = asyncio.create_task(sample_lag(app.state.metrics))
    yield
    sampling.cancel()
    for stop in getattr(app.state, "before_stop", ()):
        await stop()
    await service.stop()
