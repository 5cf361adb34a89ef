"""Who is let in: hosts, origins, tokens; on HTTP and WebSocket alike, by the application and by a real server."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from api.app import create_app
from api.security import Gate
from config.environment import Environment, read_environment
from tests.api.conftest import Daemon
from tests.api.problem import assert_problem

TOKEN = "correct horse battery staple"
LOOPBACK = read_environment({})
FOREIGN_HOSTS = [
    "evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "127.0.0.1.evil.example:{port}",
    "localhost:{port}@evil.example", "localhost.:{port}", "0.0.0.0:{port}", "[::2]:{port}",
    "localhost:0{port}", "localhost:{port}x", "localhost:",
]  # fmt: skip
OUR_HOSTS = ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"]
FOREIGN_ORIGINS = [
    "http://evil.example", "http://evil.example:{port}", "null", "http://127.0.0.1:1", "file://",
    "http://localhost", "https://localhost.evil.example:{port}", "", "localhost:{port}",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_misdirected(daemon: Daemon, client: httpx.Client, host: str) -> None:
    headers = {"host": host.format(port=daemon.port)}
    assert_problem(client.get("/health", headers=headers), 421)
    assert_problem(client.post("/decide/v3", headers=headers), 421)


@pytest.mark.parametrize("host", OUR_HOSTS)
def test_our_own_hosts_are_served(daemon: Daemon, client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"host": host.format(port=daemon.port)}).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_is_forbidden(daemon: Daemon, client: httpx.Client, origin: str) -> None:
    assert_problem(client.post("/halt", headers={"origin": origin.format(port=daemon.port)}), 403)
    assert client.get("/health").json()["trading_state"] == "active"


def test_our_own_origin_is_served(daemon: Daemon, client: httpx.Client) -> None:
    assert client.post("/scan", headers={"origin": f"http://localhost:{daemon.port}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403)],
)
def test_a_foreign_websocket_is_refused(daemon: Daemon, headers: dict[str, str], status: int) -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = "" if "Host" in headers else f"Host: 127.0.0.1:{daemon.port}\r\n"
    answer = asyncio.run(_handshake(daemon.port, host + raw))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer


async def _handshake(port: int, headers: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ws/stream HTTP/1.1\r\n{headers}Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_websocket_with_a_foreign_origin_never_opens(daemon: Daemon) -> None:
    url = f"ws://127.0.0.1:{daemon.port}/ws/stream"
    with pytest.raises(InvalidStatus) as refused, connect(url, origin=Origin("http://evil.example")):
        pass
    assert refused.value.response.status_code == 403


def ask(
    daemon: Daemon, environment: Environment, path: str, headers: dict[str, str], base: str
) -> httpx.Response:
    """Ask an application with another environment around the same engine."""
    app = create_app(daemon.service, daemon.app.state.hub, environment, daemon.app.state.metrics)

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"bearer {TOKEN[:-1]}", 401),
        (TOKEN, 401),
        ("Bearer ", 401),
        ("", 401),
        ("Basic dXNlcjpwYXNz", 401),
    ],
)
def test_a_token_is_required_when_one_is_set(daemon: Daemon, header: str, status: int) -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN})
    answer = ask(daemon, environment, "/status", {"authorization": header}, "http://127.0.0.1:8787")
    assert answer.status_code == status
    if status == 401:
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


def test_health_needs_no_token(daemon: Daemon) -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN})
    assert ask(daemon, environment, "/health", {}, "http://127.0.0.1:8787").status_code == 200
    assert_problem(ask(daemon, environment, "/ready", {}, "http://127.0.0.1:8787"), 401)


def refusal(environment: Environment, host: str, **more: str) -> int | None:
    """The gate's status for a request that arrived on port 8787."""
    scope: dict[str, Any] = {"type": "http", "scheme": "http", "path": "/status", "server": ("10.0.0.5", 8787)}
    headers = {b"host": host.encode(), **{name.encode(): value.encode() for name, value in more.items()}}
    found = Gate(environment).refusal(scope, headers)
    return found.status if found else None


@pytest.mark.parametrize("host", ["10.0.0.5:8787", "[fe80::1]:8787", "localhost:8787"])
def test_a_wildcard_listener_takes_literal_addresses(host: str) -> None:
    open_wide = read_environment({"TRADING_HOST": "::", "TRADING_API_TOKEN": TOKEN})
    assert refusal(open_wide, host, authorization=f"Bearer {TOKEN}") is None
    assert refusal(open_wide, host) == 401
    assert refusal(open_wide, "rebound.example:8787", authorization=f"Bearer {TOKEN}") == 421


def test_a_configured_host_is_ours() -> None:
    named = read_environment({"TRADING_HOST": "engine.lan", "TRADING_API_TOKEN": TOKEN})
    assert refusal(named, "engine.lan:8787", authorization=f"Bearer {TOKEN}") is None
    assert refusal(named, "engine.lan:8788", authorization=f"Bearer {TOKEN}") == 421
    assert refusal(named, "other.lan:8787", authorization=f"Bearer {TOKEN}") == 421


@given(st.text(max_size=40) | st.from_regex(r"(localhost|127\.0\.0\.1)[:.@a-z0-9]{0,12}", fullmatch=True))
def test_no_other_host_is_let_in(host: str) -> None:
    ours = {f"{name}:8787" for name in ("127.0.0.1", "localhost", "[::1]", "::1")}
    assert refusal(LOOPBACK, host) == (None if host.strip().lower() in ours else 421)


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        (TOKEN, None), (TOKEN + "x", 401), ("", 401), (None, 401),
    ],
)  # fmt: skip
def test_a_browser_offers_its_token_as_a_subprotocol(offered: str | None, status: int | None) -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN})
    encoded = base64.urlsafe_b64encode((offered or "").encode()).decode().rstrip("=")
    given = "trading-engine" if offered is None else f"trading-engine, bearer.{encoded}"
    headers = {b"host": b"127.0.0.1:8787", b"sec-websocket-protocol": given.encode()}
    scope = {"type": "websocket", "scheme": "ws", "path": "/ws/stream", "server": ("127.0.0.1", 8787)}
    refused = Gate(environment).refusal(scope, headers)
    assert (refused.status if refused else None) == status
    assert Gate(environment).refusal({**scope, "type": "http"}, headers) is not None, "on HTTP it opens nothing"


@pytest.mark.parametrize("wrong", ["bearer.", "bearer.!!!", "bearer.\xff", "bearer", ",,,", "bearer.YQ=="])
def test_a_garbled_subprotocol_is_a_wrong_token(wrong: str) -> None:
    scope = {"type": "websocket", "scheme": "ws", "path": "/ws/stream", "server": ("127.0.0.1", 8787)}
    headers = {b"host": b"127.0.0.1:8787", b"sec-websocket-protocol": wrong.encode("latin-1")}
    refused = Gate(read_environment({"TRADING_API_TOKEN": TOKEN})).refusal(scope, headers)
    assert refused is not None
    assert refused.status == 401


@pytest.mark.parametrize("path", ["/", "/dashboard/main.js", "/dashboard/library/bokeh.min.js"])
def test_the_page_itself_needs_no_token_and_tells_nothing(daemon: Daemon, path: str) -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN})
    answer = ask(daemon, environment, path, {}, f"http://127.0.0.1:{daemon.port}")
    assert answer.status_code == 200
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "header", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: unheard-of"]
)
def test_a_foreign_pages_websocket_is_refused_by_what_its_browser_says(daemon: Daemon, header: str) -> None:
    link = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"  # not even as a link
    answer = asyncio.run(_handshake(daemon.port, f"Host: 127.0.0.1:{daemon.port}\r\n{header}\r\n{link}"))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"frame-ancestors 'none'" in answer


def test_a_websocket_at_another_path_is_not_found(daemon: Daemon) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{daemon.port}/ws/other"):
        pass
    assert refused.value.response.status_code == 404
    assert refused.value.response.headers["x-content-type-options"] == "nosniff"
