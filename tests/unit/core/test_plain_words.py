"""What went wrong is told in plain words: real exceptions of real servers, none with a library's names in it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import msgspec
import pytest
import requests

from core.errors import DataError
from core.plain_words import LENGTH_MAX, json_fault, plain_message, plain_reason, plain_text
from tests.servers.local_http import Answer, Asked, Cut, Hold, Outcome, local_server

NOISE = re.compile(
    r"HTTPConnectionPool|0x[0-9a-f]{6}|<[a-z!/]|Expecting|line \d+ column|Max retries|\bErrno\b|\bcurl\b"
    r"|DNSError",
    re.I,
)


def failing(action: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as found:  # whatever the library raises
        action()
    return found.value


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked_of(answer: Outcome) -> Exception:
    def serve(_: Asked) -> Outcome:
        return answer

    with local_server(serve) as port:
        return failing(lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=0.2).json())


def test_what_requests_raises_is_told_in_plain_words() -> None:
    refused = failing(lambda: requests.get(f"http://127.0.0.1:{closed_port()}/", timeout=1))
    assert "HTTPConnectionPool" in str(refused)  # the noise is there to begin with
    assert plain_reason(refused) == "the connection is refused"
    assert plain_reason(asked_of(Hold())) == "no answer in time"
    assert plain_reason(asked_of(Cut())) == "the connection was cut"
    assert plain_reason(asked_of(Answer(body=b"<html><title>Bad gateway</title>"))) == "it is no JSON"
    unknown = failing(lambda: requests.get("http://no-such-host.invalid/", timeout=1))
    assert plain_reason(unknown) == "the name of the server is not found"


@pytest.mark.parametrize("text", ['{"a" 1}', "", "{} x", '{"a": "\n"}', "nul"])
def test_a_parser_s_position_is_never_told(text: str) -> None:
    assert plain_reason(failing(lambda: json.loads(text))) == "it is no JSON"
    assert plain_reason(failing(lambda: msgspec.json.decode(text.encode()))) == "it is no JSON"


def test_our_own_errors_keep_their_words_and_an_empty_one_has_its_type() -> None:
    assert plain_reason(DataError("Yahoo is silent.", hint="Wait.")) == "Yahoo is silent. Wait"
    assert plain_reason(RuntimeError()) == "RuntimeError"
    assert plain_reason(RuntimeError("the disk is blue.")) == "the disk is blue"


@pytest.mark.parametrize(
    "text",
    [
        "Alpaca can't be reached: HTTPConnectionPool(host='a', port=80): Max retries exceeded with url: /v2 "
        "(Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f21>: Failed to "
        "establish a new connection: [Errno 111] Connection refused')).",
        "Alpaca answered 502: <!DOCTYPE html><html><head><title>502 Bad\n Gateway</title></head><body><h1>x</h1>",
        "It says <b>no</b> &amp; leaves",
        "x" * 2_000,
    ],
)
def test_a_text_is_cleaned_and_short(text: str) -> None:
    plain = plain_text(text)
    assert plain
    assert not NOISE.search(plain)
    assert "\n" not in plain
    assert len(plain) <= LENGTH_MAX
    assert plain_text(plain) == plain


def test_what_is_plain_stays_as_it_is() -> None:
    for text in ("AAPL: the ledger holds 3, the broker 2.", "drawdown < -10 % and > -20 %", "a <= b, c > d"):
        assert plain_text(text) == text
    page = plain_text("Alpaca answered 502: <html><title>502 Bad Gateway</title><body>x</body></html>")
    assert page == "Alpaca answered 502: the answer is a web page (502 Bad Gateway)"


@pytest.mark.parametrize(
    ("logged", "told"),
    [
        (
            "Failed to get ticker 'SPY' reason: HTTPSConnectionPool(host='query1.finance.yahoo.com', port=443): "
            "Read timed out. (read timeout=10)",
            "no answer in time",
        ),
        ("Failed to perform, curl: (7) Failed to connect: Connection refused.", "the connection is refused"),
        ("['SPY']: YFRateLimitError('Too Many Requests. Rate limited. Try after a while.')",
         "it has been asked too often and wants a pause"),
        ("Failed to get ticker 'SPY' reason: Expecting value: line 1 column 1 (char 0)", "it is no JSON"),
        ("Cookie/crumb fetch failed (DNSError), continuing without crumb",
         "the name of the server is not found"),
        ("['SPY']: DNSError('Failed to perform, curl: (6) Could not resolve host: query2.finance.yahoo.com. See "
         "https://curl.se/libcurl/c/libcurl-errors.html first for more details.')",
         "the name of the server is not found"),
        ("Failed to perform, curl: (18) end of response with 97 bytes missing. See https://curl.se/x first for "
         "more details.", "the connection was cut"),
        ("Failed to perform, curl: (1) Received HTTP/0.9 when not allowed.", "the answer is not HTTP"),
        ("Failed to perform, curl: (92) Something new. See https://curl.se/libcurl/c/libcurl-errors.html first "
         "for more details.", "Something new"),
        ("$XYZ: possibly delisted; no price data found.", "$XYZ: possibly delisted; no price data found"),
    ],
)  # fmt: skip
def test_a_library_s_log_is_told_by_its_cause(logged: str, told: str) -> None:
    assert plain_message(logged) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,\n "b" 2}', "line 2, column 6: a colon is missing after the key"),
        ('{"a": 1\n "b": 2}', "line 2, column 2: a comma or a closing bracket is missing"),
        ('{"a": 1,}', "line 1, column "),
        ('{"a": }', "line 1, column 7: a value is missing or is not written as JSON has it"),
        ('{"a": "b}', "line 1, column 7: a closing quote is missing"),
        ("{} {}", "line 1, column 4: something follows after its end"),
        ('{"a": "\\x"}', "a backslash stands before what needs none"),
    ],
)
def test_a_person_s_own_json_is_wrong_at_a_place(text: str, told: str) -> None:
    error = failing(lambda: json.loads(text))
    assert isinstance(error, json.JSONDecodeError)
    assert told in json_fault(error)
    assert not NOISE.search(json_fault(error))
