"""What holds for every route of the application, error pages included: security headers, HEAD, refusals."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from config.environment import read_environment
from tests.api.conftest import Daemon
from tests.api.problem import assert_problem

ROUTES_MIN = 35
PARAMETERS = {
    "session": "2025-06-27",
    "ticker": "NVDA",
    "decision_id": "unknown",
    "client_order_id": "unknown",
    "job_id": "unknown",
    "name": "unknown.js",
    "number": "1",
}
BASE = "http://127.0.0.1:8787"
PAGES = ("/", "/docs", "/dashboard/main.js", "/docs/main.js", "/docs/swagger-ui.css")
JSON, TEXT = ("content-type", "application/json"), ("content-type", "text/plain")
nothing = cast(Any, None)


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[httpx.Client]:
    """A client for all tests of this module, which command nothing."""
    with httpx.Client(base_url=daemon.url, timeout=60) as client:
        yield client


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Return each method and path of the application, the parameters filled in."""
    for included in app.routes:
        router: Any = getattr(included, "original_router", None)
        routes: list[Any] = [included] if router is None else router.routes
        for route in routes:
            path = re.sub(r"{(\w+)}", lambda found: PARAMETERS[found[1]], route.path)
            for method in route.methods - {"HEAD"}:
                yield method, path


OPERATIONS = sorted(operations(create_app(nothing, nothing, read_environment({}), nothing)))
GETS = [path for method, path in OPERATIONS if method == "GET"]


def assert_secured(response: httpx.Response) -> None:
    """Check the headers that keep a page of ours out of foreign frames and foreign content out of it."""
    (policy,) = response.headers.get_list("content-security-policy")
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["frame-ancestors"] == rules["default-src"] == rules["base-uri"] == "'none'"
    assert "unsafe-inline" not in rules.get("script-src", "")
    assert "http" not in policy, "nothing comes from another server"
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers.get_list("cross-origin-resource-policy") == ["same-origin"]


def test_all_routes_are_walked() -> None:
    assert len(OPERATIONS) >= ROUTES_MIN
    assert {"/", "/docs", "/openapi.json", "/metrics", "/ws/status", "/status"} <= set(GETS)


@pytest.mark.parametrize("path", [*GETS, *PAGES])
def test_a_get_is_secured_and_head_gives_the_same_without_its_body(client: httpx.Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert got.status_code < 500
    assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])
    assert head.content == b""
    assert int(head.headers["content-length"]) > 0, "the length is that of the body left out"
    for response in (got, head):
        assert_secured(response)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", "http://evil.example")], 403),
        ([("sec-fetch-site", "cross-site")], 403),
        ([("sec-fetch-site", "same-site")], 403),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], 403),
        ([("origin", "http://{host}"), ("origin", "http://evil.example")], 403),
        ([("origin", "http://evil.example"), ("origin", "http://{host}")], 403),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")], 403),
        ([("host", "evil.example")], 421),
    ],
)
def test_a_foreign_page_reaches_no_route(
    daemon: Daemon, client: httpx.Client, method: str, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    host = f"127.0.0.1:{daemon.port}"
    sent = [(name, value.format(host=host)) for name, value in headers]
    response = client.request(method, path, headers=sent)
    assert_problem(response, status)
    assert_secured(response)


@pytest.mark.parametrize("path", sorted({path for _, path in OPERATIONS}))
def test_a_method_that_is_not_there_is_refused_and_the_right_ones_are_named(
    client: httpx.Client, path: str
) -> None:
    response = client.request("DELETE", path)
    assert_problem(response, 405)
    assert_secured(response)
    allowed = set(response.headers["allow"].split(", "))
    assert ("HEAD" in allowed) == ("GET" in allowed)
    if "GET" not in allowed:
        assert_problem_without_body(client.head(path), 405)


def assert_problem_without_body(response: httpx.Response, status: int) -> None:
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["content-type"] == "application/problem+json"
    assert_secured(response)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_a_typed_address_are_served(client: httpx.Client, site: str) -> None:
    assert client.get("/status", headers={"sec-fetch-site": site}).status_code == 200


def test_a_link_on_a_foreign_page_leads_to_the_dashboard_but_commands_nothing(client: httpx.Client) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=link).status_code == 200
    assert_problem(client.post("/halt", headers=link), 403)
    assert client.get("/health").json()["trading_state"] == "active"


@pytest.mark.parametrize(
    ("method", "path", "status", "sent"),
    [
        ("GET", "/nothing/here", 404, {}),
        ("GET", "/docs/../app.py", 404, {}),
        ("GET", "/docs/swagger-ui-bundle.js.map", 404, {}),
        ("POST", "/decide/v3", 400, {"content": b"{", "headers": [JSON]}),
        (
            "POST",
            "/decide/v3",
            413,
            {"content": b" " * 1_100_000, "headers": [JSON]},
        ),
        ("POST", "/decide/v3", 415, {"content": b"{}", "headers": [TEXT]}),
        ("POST", "/decide/v3", 422, {"json": {"execute": 1}}),
        (
            "POST",
            "/decide/v3",
            400,
            {"headers": [TEXT, TEXT]},
        ),
        ("POST", "/decide/v3", 400, {"headers": [("authorization", "a"), ("authorization", "b")]}),
    ],
)
def test_error_pages_are_secured(
    client: httpx.Client, method: str, path: str, status: int, sent: dict[str, Any]
) -> None:
    response = client.request(method, path, **sent)
    assert_problem(response, status)
    assert_secured(response)


def through_asgi(app: FastAPI, method: str, path: str, **sent: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, path, **sent)

    return asyncio.run(once())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_bug_answers_500_as_a_secured_problem(method: str) -> None:
    app = create_app(nothing, nothing, read_environment({}), nothing)  # no service: every call is a bug
    response = through_asgi(app, method, "/orders")
    assert response.status_code == 500
    assert_secured(response)


@pytest.mark.parametrize("path", ["/status", "/docs", "/openapi.json"])
def test_a_missing_token_answers_401_as_a_secured_problem(path: str) -> None:
    app = create_app(nothing, nothing, read_environment({"TRADING_API_TOKEN": "a" * 32}), nothing)
    response = through_asgi(app, "GET", path)
    assert_problem(response, 401)
    assert_secured(response)


def test_two_hosts_are_refused_by_the_application_itself() -> None:
    """The server's parser refuses them too; another parser would not."""

    async def once() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        host = (b"host", b"127.0.0.1:8787")
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "path": "/health", "query_string": b"",
            "headers": [host, (b"host", b"evil.example"), host], "server": ("127.0.0.1", 8787),
        }  # fmt: skip
        await create_app(nothing, nothing, read_environment({}), nothing)(scope, receive, send)
        return sent

    start = asyncio.run(once())[0]
    assert start["status"] == 400
    assert (b"x-content-type-options", b"nosniff") in start["headers"]


def test_the_documentation_comes_whole_from_this_server(client: httpx.Client) -> None:
    page = client.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) >= 4
    assert "<script>" not in page
    assert "<style" not in page
    for link in links:
        assert link.startswith("/"), link
        assert client.get(link).status_code == 200, link
    assert "SwaggerUIBundle" in client.get("/docs/swagger-ui-bundle.js").text
