"""A long answer: its first line says where to look, its end is sent only for a success, no secret in either."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from api.long_work import JobFailed, LongAnswer
from api.masked_answers import MaskMiddleware
from core.masking import MASK, SecretMask
from tests.servers.daemon import free_port

SECRET = "a-secret-of-somebody"


class Result(BaseModel):
    job_id: str = "train-1"
    hint: str = "elsewhere"
    status: str = "done"
    samples: int = 3
    note: str = f"written with {SECRET}"


def app_of(rest: Callable[[], Awaitable[BaseModel]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await LongAnswer("train-1", rest())(scope, receive, send)

    return MaskMiddleware(app, SecretMask([SECRET]))


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(10)


def test_the_first_line_comes_before_the_result_is_known() -> None:
    known = threading.Event()

    async def rest() -> BaseModel:
        await asyncio.to_thread(known.wait)
        return Result()

    with served(app_of(rest)) as url, httpx.stream("POST", url, timeout=30) as answer:
        parts = answer.iter_text()
        first = next(parts)
        assert not known.is_set()
        assert first.endswith("\n")
        assert "trading-engine jobs train-1" in first
        assert "?wait=false" in first
        known.set()
        whole = json.loads(first + "".join(parts))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
    assert {**whole, "hint": ""} == {**Result(note=f"written with {MASK}").model_dump(), "hint": ""}


def test_a_failure_after_the_first_line_is_no_success_to_any_client() -> None:
    async def rest() -> BaseModel:
        raise JobFailed(f"The training failed: {SECRET} is wrong")

    with served(app_of(rest)) as url, httpx.stream("POST", url, timeout=30) as answer:
        read = ""
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            for part in answer.iter_text():
                read += part
    said = json.loads(read)
    assert said["status"] == "failed"
    assert said["detail"] == f"The training failed: {MASK} is wrong"
    assert "trading-engine jobs train-1" in said["hint"]
