"""Where the command line looks for the daemon, and what it makes of what answers there."""

from __future__ import annotations

import pytest

from cli.client import EngineClient, NoDaemonError, ProblemError, daemon_url
from tests.servers.daemon import free_port
from tests.servers.local_http import Answer, Asked, local_server


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"TRADING_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"TRADING_PORT": "9000", "TRADING_HOST": "0.0.0.0"}, "http://127.0.0.1:9000"),  # noqa: S104
        ({"TRADING_PORT": "9000", "TRADING_HOST": "::"}, "http://[::1]:9000"),
        ({"TRADING_PORT": " 9000 ", "TRADING_HOST": "engine.lan"}, "http://engine.lan:9000"),
    ],
)
def test_the_daemon_is_found_by_the_variables_it_was_started_with(variables: dict[str, str], url: str) -> None:
    assert daemon_url(variables) == url


def test_nothing_that_listens_is_no_daemon() -> None:
    client = EngineClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NoDaemonError, match="trading-engine run"):
        client.get("/status")
    client.close()


@pytest.mark.parametrize("body", [b"<html>", {"status": "ok"}, [1]])
def test_another_server_is_not_taken_for_the_daemon(body: object) -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return Answer(status=404, body=body)

    with local_server(answer) as port:
        client = EngineClient(f"http://127.0.0.1:{port}", "a-token")
        with pytest.raises(ProblemError):
            client.post("/halt", {"reason": "a test", "unset": None}, wait=False)
        client.close()
    assert asked[0].headers["authorization"] == "Bearer a-token"
    assert asked[0].json == {"reason": "a test"}
    assert asked[0].query == {"wait": "false"}
