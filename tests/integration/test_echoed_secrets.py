"""A broker whose error text echoes the request's headers: no key reaches an answer, the log or the state."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.masking import MASK
from tests.servers.daemon import Process, own_settings

KEY, SECRET = "PKTEST0123456789ABCD", "s3cr3t/with+signs=and0123456789"


class Echo(BaseHTTPRequestHandler):
    """Answers every request with 403 and the headers it came with, plain, escaped and in base64."""

    def do_GET(self) -> None:
        headers = dict(self.headers.items())
        basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        text = f"denied: {headers} {json.dumps(json.dumps(headers))} Basic {basic}"
        body = json.dumps({"code": 40310000, "message": text}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_PATCH = do_GET

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_key_is_in_any_answer_log_or_file(tmp_path: Path, echo: str) -> None:
    encoded = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    variables = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET, "ALPACA_BASE_URL": echo}
    with Process(tmp_path / "state", own_settings(tmp_path), **variables, DATA_PROVIDER="auto") as process:
        process.wait_alive()
        process.wait(lambda: MASK in process.http.get("/health").text)
        answers = [process.http.get(path).text for path in ("/health", "/ready", "/status", "/metrics", "/jobs")]
        answers += [process.http.post(path).text for path in ("/decide/v3?x=1", "/halt")]
        process.end()
        found = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
        for text in (*answers, process.log, *(content.decode("latin-1") for content in found)):
            for secret in (KEY, SECRET, encoded, encoded[28:48]):
                assert secret not in text
