"""A call that needs the engine waits for the start to end, within a bound; one that must not wait does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest

from api.app import create_app
from config.environment import read_environment
from core.errors import RequestError

WAITING = [
    ("POST", path)
    for path in (
        "/decide/v3", "/decide", "/execute", "/scan", "/quant/rank", "/quant/retrain", "/quant/rollback",
        "/predict", "/train", "/resume", "/flatten", "/risk/check", "/backtest", "/scan/backtest",
    )
] + [("GET", "/regime")]  # fmt: skip
AT_ONCE = [("GET", "/health"), ("GET", "/ready"), ("GET", "/positions"), ("POST", "/halt")]
UNBOUNDED = 1e9


class Starting:
    """A service that starts for some looks at it, or for ever."""

    def __init__(self, looks: float) -> None:
        self.looks = looks
        self.started = False

    def starting(self) -> bool:
        self.looks -= 1
        return self.looks > 0

    def not_ready_reason(self) -> str:
        return "The engine is starting."

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "models_loaded": False, "server_uptime": 0.0, "trading_state": None}

    def __getattr__(self, name: str) -> Any:
        raise RequestError(f"{name}: {self.not_ready_reason()}", status=503)


def call(service: Starting, method: str, path: str, wait_seconds_max: float) -> httpx.Response:
    app = create_app(
        cast(Any, service), cast(Any, None), read_environment({}), cast(Any, None),
        lambda: datetime(2025, 6, 30, tzinfo=UTC), start_wait_seconds_max=wait_seconds_max,
    )  # fmt: skip

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as client:
            return await client.request(method, path)

    return asyncio.run(asyncio.wait_for(once(), 20))


@pytest.mark.parametrize(("method", "path"), WAITING)
def test_a_call_waits_until_the_start_is_over(method: str, path: str) -> None:
    service = Starting(looks=3)
    call(service, method, path, UNBOUNDED)
    assert service.looks == 0, "it looked until the start was over, and then went on"


@pytest.mark.parametrize(("method", "path"), WAITING)
def test_the_wait_is_bounded_and_then_says_when_to_ask_again(method: str, path: str) -> None:
    response = call(Starting(looks=UNBOUNDED), method, path, 0.0)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert "The engine is starting." in response.json()["detail"]


@pytest.mark.parametrize(("method", "path"), AT_ONCE)
def test_what_must_not_wait_does_not(method: str, path: str) -> None:
    response = call(Starting(looks=UNBOUNDED), method, path, UNBOUNDED)
    assert response.status_code in (200, 503)
    assert response.status_code == 200 or int(response.headers["retry-after"]) >= 1
