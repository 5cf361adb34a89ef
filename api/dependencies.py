"""Dependencies of the routes: the service, the clock, and JSON bodies read strictly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, NoReturn

from fastapi import Body, Depends, HTTPException, Query, Request, Response
from fastapi.routing import APIRoute

from api.schemas.requests import NothingAsked
from api.waiting_places import WaitingPlaces
from core.plain_words import json_fault, plain_reason
from core.service import Service

START_POLL_SECONDS = 0.05
Clock = Callable[[], datetime]


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _started_service(request: Request) -> Service:
    """Return the service once its start is over, so that a call right after it is answered; bounded."""
    service: Service = request.app.state.service
    loop = asyncio.get_running_loop()
    until = loop.time() + request.app.state.start_wait_seconds_max
    while service.starting() and loop.time() < until:
        await asyncio.sleep(START_POLL_SECONDS)
    return service


async def _waiting_service(request: Request) -> AsyncIterator[Service]:
    """Return the started service to a caller with a place in the engine's queue; 429 when there is none."""
    places: WaitingPlaces = request.app.state.waiting_places
    async with places.hold(request.receive):
        yield await _started_service(request)


async def _now(request: Request) -> datetime:
    clock: Clock = request.app.state.clock
    return clock()


ServiceDependency = Annotated[Service, Depends(_service)]
StartedService = Annotated[Service, Depends(_started_service)]
WaitingService = Annotated[Service, Depends(_waiting_service, scope="function")]
Now = Annotated[datetime, Depends(_now)]
Nothing = Annotated[NothingAsked, Body(default_factory=NothingAsked)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]


class StrictRequest(Request):
    """Reads JSON as RFC 8259 has it: Python's reader would let NaN and Infinity through."""

    async def json(self) -> Any:
        """Return the body's value.

        Raises
        ------
        HTTPException
            Status 400 for a body that is no JSON, or nests too deeply.
        """
        try:
            return json.loads(await self.body(), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise HTTPException(400, "The body is not JSON that can be read: it nests too deeply.") from error
        except json.JSONDecodeError as error:
            raise HTTPException(400, f"The body is not JSON: {json_fault(error)}.") from error
        except ValueError as error:
            raise HTTPException(400, f"The body is not JSON: {plain_reason(error)}.") from error


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, wrapped."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
