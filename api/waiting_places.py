"""Places in the engine's queue: so many callers may wait, and one that hangs up makes room for the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from core.errors import RequestError


class WaitingPlaces:
    """Counts the callers that wait for the engine.

    A person's commands (halt, resume, flatten) need no place: they must not find the door shut.

    Parameters
    ----------
    waiting_max : int
        How many may wait at once.
    """

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self.waiting = 0

    @asynccontextmanager
    async def hold(self, receive: Receive) -> AsyncIterator[None]:
        """Hold a place while the body runs; the body is cancelled when the caller hangs up.

        Parameters
        ----------
        receive : callable
            The request's ASGI `receive`, its body read.

        Raises
        ------
        RequestError
            Status 429 when every place is taken.
        """
        if self.waiting >= self._waiting_max:
            raise RequestError(
                f"{self.waiting} callers wait for the engine, and no more may; nothing was begun.",
                hint="Send it again in a moment. /halt, /resume and /flatten are never refused for this.",
                status=429,
            )
        self.waiting += 1
        caller = asyncio.current_task()
        assert caller is not None  # noqa: S101  # a request runs in a task
        leaving = asyncio.create_task(_cancel_when_gone(receive, caller))
        try:
            yield
        except asyncio.CancelledError:
            if not leaving.done():
                raise
            caller.uncancel()  # nobody is left to read this
            raise RequestError("The caller hung up before its turn came.", status=408) from None
        finally:
            self.waiting -= 1
            leaving.cancel()


async def _cancel_when_gone(receive: Receive, caller: asyncio.Task[object]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    caller.cancel()
