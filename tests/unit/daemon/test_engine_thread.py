"""One thread, in order; once it is stopping nothing begins, and the last work follows what runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from core.errors import RequestError
from daemon.engine_thread import EngineThread


def test_work_runs_in_its_order_on_one_thread_with_its_arguments() -> None:
    async def run() -> None:
        thread = EngineThread()
        done = [thread.submit(lambda n: (n, threading.get_ident()), number) for number in range(50)]
        found = [await asyncio.wrap_future(one) for one in done]
        assert [number for number, _ in found] == list(range(50))
        assert len({ident for _, ident in found} | {threading.get_ident()}) == 2
        await thread.stop(lambda: None, 5.0)

    asyncio.run(run())


def test_a_stop_lets_the_running_work_end_refuses_what_waits_and_closes_last() -> None:
    async def run() -> None:
        thread, begun, go_on, order = EngineThread(), threading.Event(), threading.Event(), list[str]()

        def running() -> None:
            begun.set()
            go_on.wait(10.0)
            order.append("ran")

        first, waiting = thread.submit(running), thread.submit(order.append, "waited")
        await asyncio.to_thread(begun.wait, 10.0)
        stopping = asyncio.create_task(thread.stop(lambda: order.append("closed"), 10.0))
        while not thread.stopping.is_set():
            await asyncio.sleep(0)
        go_on.set()
        await stopping
        assert first.exception() is None
        refused = waiting.exception()
        assert isinstance(refused, RequestError)
        assert refused.status == 503
        assert order == ["ran", "closed"]
        with pytest.raises(RequestError, match="stopping"):
            thread.submit(order.append, "late")

    asyncio.run(run())


def test_work_that_does_not_end_is_left_behind() -> None:
    async def run() -> None:
        thread, go_on = EngineThread(), threading.Event()
        held_up = thread.submit(go_on.wait, 10.0)
        await thread.stop(lambda: None, 0.01)
        assert not held_up.done()
        go_on.set()
        await asyncio.wrap_future(held_up)

    asyncio.run(run())
