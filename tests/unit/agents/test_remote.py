"""An agent over HTTP is sent what is known and no more, and what comes back is checked; a bad server abstains."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest

from adapters.remote_agents import post_to, secrets_of, shown_address
from agents.plugins import NamedAgent, PluginAgents
from agents.remote import SCHEMA, RemoteAgent
from config.plugins import PluginSettings, RemoteAgentSettings
from core.errors import PluginError
from core.types import MarketAnalysis, MarketView
from tests.panels import make_panel
from tests.servers.local_http import Answer, Asked, Cut, Hold, Outcome, Upgrade, local_server
from tests.unit.agents.test_plugins import SYMBOLS, view

SECRET = "a-secret-of-its-own"


def asked_of(answer: Callable[[Asked], Outcome], timeout_seconds: float = 5.0) -> MarketAnalysis:
    with local_server(answer) as port:
        settings = RemoteAgentSettings.model_validate(
            {
                "url": f"http://127.0.0.1:{port}/signals",
                "timeout_seconds": timeout_seconds,
                "secret": SECRET,
                "sessions": 3,
            }
        )
        agent = RemoteAgent("oracle", partial(post_to, settings), settings.sessions)
        named = NamedAgent(name="oracle", agent=agent, origin="", deadline_seconds=timeout_seconds)
        return PluginAgents([named], PluginSettings(deadline_seconds=0.1)).signals(view(), SYMBOLS)


def test_it_is_sent_the_summary_of_the_view_with_its_secret() -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> Outcome:
        seen.append(asked)
        return Answer(body={"scores": {"AAPL": 3, "JPM": -0.5}, "reasons": {"JPM": "rates"}, "model_id": "m-7"})

    found = asked_of(answer)
    (asked,) = seen
    assert (asked.method, asked.path) == ("POST", "/signals")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    body = asked.json
    assert (body["schema"], body["agent"], body["session"]) == (SCHEMA, "oracle", str(view().session))
    assert {*body["symbols"]} == {*SYMBOLS}
    bars = view().bars
    assert body["symbols"]["JPM"]["close"] == bars.close[-3:, bars.column["JPM"]].tolist()
    assert [(s.symbol, s.score, s.reason, s.model_id) for s in found.signals] == [
        ("AAPL", 1.0, "", "m-7"),
        ("JPM", -0.5, "rates", "m-7"),
    ]
    assert [(a.symbol, a.reason) for a in found.abstentions] == [("XOM", "it left the stock out")]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Answer(status=500, body={}), "its server answered 500"),
        (Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}), "its server answered 302"),
        (Answer(body=b"<html>busy</html>"), "what it answered is no answer of this kind"),
        (Answer(body={"scores": {"AAPL": "up"}}), "what it answered is no answer of this kind"),
        (Answer(body={"score": {}}), "what it answered is no answer of this kind"),
        (Answer(body={"scores": {}}), "it gave no score for any stock"),
        (Answer(body=b'{"scores": {"AAPL": 1e999}}'), "it"),
        (Answer(body=b" " * 1_000_001), "its server answered more than 1000000 bytes"),
        (Answer(body=b"{}", headers={"Content-Encoding": "gzip"}), "its server packed the answer"),
        (Answer(body=b'{"scores": ' + b"[" * 200_000), "it"),
        (Answer(body={"scores": {"AAPL": None}}), "what it answered is no answer of this kind"),
        (Answer(body={"scores": {"AAPL": True}}), "what it answered is no answer of this kind"),
        (
            Answer(body={"scores": {"AAPL": 0.1}, "confidence": "high"}),
            "what it answered is no answer of this kind",
        ),
        (Cut(), "its server cannot be asked"),
        (Hold(), "it"),
    ],
)
def test_a_bad_answer_is_an_abstention_that_says_why(outcome: Outcome, reason: str) -> None:
    found = asked_of(lambda asked: outcome, timeout_seconds=0.5 if isinstance(outcome, Hold) else 5.0)
    assert found.signals == ()
    (abstained,) = found.abstentions
    assert reason in abstained.reason
    assert SECRET not in abstained.reason


def test_a_secret_that_it_repeats_is_kept_nowhere() -> None:
    said = {"scores": {"AAPL": 0.5}, "reasons": {"AAPL": f"Bearer {SECRET}"}, "model_id": SECRET[::-1] + SECRET}
    found = asked_of(lambda asked: Answer(body=said))
    (signal,) = found.signals
    assert (signal.reason, signal.model_id) == ("Bearer [secret]", f"{SECRET[::-1]}[secret]")


def test_what_is_secret_in_its_address_is_not_shown() -> None:
    url = "http://me:pass-word@127.0.0.1:1/signals?key=a-long-key&stock=AAPL"
    assert shown_address(url) == "http://127.0.0.1:1/signals"
    assert {*secrets_of(url)} == {"pass-word", "a-long-key"}
    settings = RemoteAgentSettings(url=url, timeout_seconds=1)
    assert "pass-word" not in repr(settings)
    with pytest.raises(PluginError) as raised:
        post_to(settings, b"{}")
    assert "pass-word" not in str(raised.value)
    assert "a-long-key" not in str(raised.value)


def test_one_that_drips_its_answer_abstains_at_its_deadline_and_is_asked_again_later() -> None:
    drips = [True]

    def drip(asked: Asked, connection: socket.socket) -> None:
        del asked
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with suppress(OSError):
            while drips[0]:
                connection.sendall(b" ")
                time.sleep(0.02)

    def answer(asked: Asked) -> Outcome:
        return Upgrade(drip) if drips[0] else Answer(body={"scores": {"AAPL": 0.5}})

    with local_server(answer) as port:
        settings = RemoteAgentSettings(url=f"http://127.0.0.1:{port}/", timeout_seconds=0.5)
        agent = RemoteAgent("oracle", partial(post_to, settings), 3)
        named = NamedAgent(name="oracle", agent=agent, origin="", deadline_seconds=0.5)
        agents = PluginAgents([named], PluginSettings())
        (abstained,) = agents.signals(view(), SYMBOLS).abstentions
        assert abstained.reason == "it did not answer within 0.5 s"
        drips[0] = False
        until = time.monotonic() + 30
        while not agents.signals(view(), SYMBOLS).signals:
            assert time.monotonic() < until, "it was never asked again"


def test_a_missing_bar_is_null_and_what_is_sent_is_json() -> None:
    sent: list[Any] = []

    def post(body: bytes) -> bytes:
        sent.append(json.loads(body, parse_constant=pytest.fail))
        return msgspec.json.encode({"scores": {"AAPL": 0.1}})

    bars = make_panel(1, sessions=5, symbols=("AAPL",), missing={"AAPL": [(3, 5)]})
    gap = MarketView(as_of=bars.closed_at[-1], bars=bars)
    RemoteAgent("oracle", post, 3).signals(gap, ("AAPL", "GONE"))
    (body,) = sent
    assert body["symbols"]["AAPL"]["close"][1:] == [None, None]
    assert (body["symbols"]["AAPL"]["price"], body["symbols"]["AAPL"]["volume"]) == (None, None)
    assert "GONE" not in body["symbols"]
