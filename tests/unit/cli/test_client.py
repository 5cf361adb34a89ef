"""Where the command line looks for the daemon, and what it makes of what answers there."""

from __future__ import annotations

import pytest

from cli.client import EngineClient, NoDaemonError, ProblemError, daemon_token, daemon_url
from core.errors import SettingsError
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


@pytest.mark.parametrize("port", ["abc", "0", "99999", "-1", "8787.5", "٣"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    with pytest.raises(SettingsError, match="is no port"):
        daemon_url({"TRADING_PORT": port})


def test_a_host_that_is_none_is_told() -> None:
    with pytest.raises(SettingsError, match="is no host"):
        daemon_url({"TRADING_PORT": "8787", "TRADING_HOST": "exa\x07mple"})


@pytest.mark.parametrize("token", ["sécret-word", "secret-word\nmore"])
def test_a_token_that_cannot_be_sent_is_told_and_never_shown(token: str) -> None:
    with pytest.raises(SettingsError, match="TRADING_API_TOKEN") as refused:
        daemon_token({"TRADING_API_TOKEN": token})
    assert "word" not in str(refused.value)
    assert daemon_token({"TRADING_API_TOKEN": " a-token "}) == "a-token"
    assert daemon_token({}) is None


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
