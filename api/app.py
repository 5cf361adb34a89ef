"""The application: routes, security and error responses around one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from api import openapi, problems
from api.dependencies import Clock
from api.identity import Identity
from api.routes import (
    backtest,
    control,
    dashboard,
    decide,
    equity,
    health,
    market,
    memory,
    portfolio,
    rl,
    train,
)
from api.routes import metrics as metrics_route
from api.routes.metrics import MetricsExporter, sample_lag
from api.security import SecurityMiddleware
from api.stream import endpoint
from api.stream.endpoint import Hub, StreamMiddleware
from config.environment import Environment
from config.version import engine_version
from core.service import Service

DESCRIPTION = (
    "Decides on US stocks, and can replay every decision. "
    "POST bodies are optional; errors are `application/problem+json` with a `hint`."
)


def system_clock() -> datetime:
    """Return the wall clock's time, UTC."""
    return datetime.now(UTC)


def create_app(
    service: Service,
    hub: Hub[Any],
    environment: Environment,
    metrics: MetricsExporter,
    clock: Clock = system_clock,
) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    service : Service
        The engine; started with the application and stopped with it.
    hub : Hub
        Where the stream's events come from.
    environment : Environment
        Which hosts are ours, and the token.
    metrics : Metrics
        The figures that `/metrics` gives.
    clock : callable
        The wall clock, against which `as_of` may not lie in the future.
    """
    app = FastAPI(
        title="Trading engine",
        version=engine_version(),
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        redoc_url=None,
        responses=openapi.ANYWHERE,
    )
    app.state.service, app.state.hub, app.state.clock, app.state.metrics = service, hub, clock, metrics
    app.state.identity = Identity(environment)
    app.add_middleware(StreamMiddleware, hub=hub)
    app.add_middleware(SecurityMiddleware, environment=environment)  # the outermost
    problems.install(app)
    openapi.install(app)
    for routes in (
        health, market, decide, portfolio, control, train, rl, backtest, equity, memory, metrics_route, dashboard,
        endpoint,
    ):  # fmt: skip
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service = app.state.service
    service.start()
    sampling = asyncio.create_task(sample_lag(app.state.metrics))
    yield
    sampling.cancel()
    await service.stop()
