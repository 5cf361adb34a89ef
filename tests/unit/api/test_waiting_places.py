"""So many wait and no more; a caller that hangs up is cancelled and makes room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.waiting_places import WaitingPlaces
from core.errors import RequestError


class Caller:
    """A request's `receive`: nothing, until the caller hangs up."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()

    def hang_up(self) -> None:
        self._gone.set()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}


async def wait_in(places: WaitingPlaces, caller: Caller, done: asyncio.Event) -> str:
    async with places.hold(caller.receive):
        await done.wait()
        return "answered"


def test_the_last_place_is_the_last_and_is_free_again_once_one_is_answered() -> None:
    async def run() -> None:
        places, done = WaitingPlaces(3), asyncio.Event()
        tasks = [asyncio.create_task(wait_in(places, Caller(), done)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as refused:
            await wait_in(places, Caller(), done)
        assert refused.value.status == 429
        assert places.waiting == 3
        done.set()
        assert await asyncio.gather(*tasks) == ["answered"] * 3
        assert places.waiting == 0
        assert await wait_in(places, Caller(), done) == "answered"

    asyncio.run(run())


def test_who_hangs_up_is_cancelled_and_frees_the_place() -> None:
    async def run() -> None:
        places, done, caller = WaitingPlaces(1), asyncio.Event(), Caller()
        task = asyncio.create_task(wait_in(places, caller, done))
        await asyncio.sleep(0)
        assert places.waiting == 1
        caller.hang_up()
        with pytest.raises(RequestError, match="hung up"):
            await task
        assert places.waiting == 0

    asyncio.run(run())


def test_a_cancel_that_is_not_the_callers_stays_one() -> None:
    async def run() -> None:
        places = WaitingPlaces(1)
        task = asyncio.create_task(wait_in(places, Caller(), asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert places.waiting == 0

    asyncio.run(run())
