"""The application: routes, guards and error answers around one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from api import (
    openapi,
    problems,
    routes_backtest,
    routes_book,
    routes_control,
    routes_dashboard,
    routes_decide,
    routes_equity,
    routes_health,
    routes_market,
    routes_memory,
    routes_metrics,
    routes_rl,
    routes_train,
    stream,
)
from api.dependencies import Clock
from api.identity import Identity
from api.routes_metrics import Metrics, sample_lag
from api.security import SecurityMiddleware
from api.stream import Hub, StreamMiddleware
from config.environment import Environment
from core.service import Service

DESCRIPTION = (
    "Decides on US stocks, and can replay every decision. "
    "POST bodies are optional; errors are `application/problem+json` with a `hint`."
)


def system_clock() -> datetime:
    """Tell the wall clock's time, UTC."""
    return datetime.now(UTC)


def create_app(
    service: Service, hub: Hub, environment: Environment, metrics: Metrics, clock: Clock = system_clock
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
        version="0.1.0",
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
    for room in (
        routes_health, routes_market, routes_decide, routes_book, routes_control, routes_train, routes_rl,
        routes_backtest, routes_equity, routes_memory, routes_metrics, routes_dashboard, stream,
    ):  # fmt: skip
        app.include_router(room.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service = app.state.service
    service.start()
    sampling = asyncio.create_task(sample_lag(app.state.metrics))
    yield
    sampling.cancel()
    await service.stop()
