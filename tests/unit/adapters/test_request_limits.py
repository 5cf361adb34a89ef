from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from adapters import request_limits
from adapters.notify.heartbeat import Heartbeat
from adapters.remote_agents import post_to
from adapters.request_limits import limited_session, whole_within
from config.plugins import RemoteAgentSettings
from core.errors import PluginError
from core.plain_words import plain_reason
from tests.servers.local_http import Answer, Asked, Upgrade, local_server

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "its headers": (HEADERS + b"X-Drip: ", b"."),
    "header after header": (HEADERS, b"A: b\r\n"),
    "a body with a length": (HEADERS + b"Content-Length: 1000000\r\n\r\n", b" "),
    "a body without a length": (HEADERS + b"Connection: close\r\n\r\n", b" "),
    "parts": (HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "continue, continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@contextmanager
def dripping(kind: str) -> Iterator[str]:
    """Serve an address that never stops answering, a little each 10 ms: no read of it takes long."""
    done = threading.Event()
    start, drop = DRIPS[kind]

    def drip(asked: Asked, connection: socket.socket) -> None:
        del asked
        with suppress(OSError):
            connection.sendall(start)
            while not done.wait(0.01):
                connection.sendall(drop)

    with local_server(lambda _: Upgrade(drip)) as port:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            done.set()


@pytest.mark.parametrize("kind", DRIPS)
def test_an_answer_that_never_ends_is_given_up_at_its_time(kind: str) -> None:
    with dripping(kind) as url, limited_session(0.1) as session:
        with pytest.raises(requests.ReadTimeout) as found:
            session.get(url)
        assert plain_reason(found.value) == "no answer in time"


@pytest.mark.parametrize("kind", ["its headers", "header after header"])
def test_a_receiver_that_drips_its_headers_keeps_no_heartbeat(kind: str) -> None:
    with dripping(kind) as url:
        heart = Heartbeat(url, 0.1, 1, clock=None)  # type: ignore[arg-type]  # read after an answer only
        assert "no answer in time" in heart._ping()


def test_an_agent_that_drips_ends_its_thread_too() -> None:
    with dripping("a body with a length") as url, pytest.raises(PluginError, match="no answer in time"):
        post_to(RemoteAgentSettings(url=url, timeout_seconds=0.2), b"{}")


def test_a_connection_serves_again_after_the_time_of_its_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "WHOLE_TIMES", 1)
    with local_server(lambda asked: Answer(body=asked.query)) as port, limited_session(2.0) as session:
        url = f"http://127.0.0.1:{port}/"
        assert session.get(url, params={"n": 1}).json() == {"n": "1"}
        time.sleep(2.1)
        assert session.get(url, params={"n": 2}).json() == {"n": "2"}
        pools = session.get_adapter(url).poolmanager.pools  # type: ignore[attr-defined]
        (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118  # it cannot be iterated
        assert (pool.num_connections, pool.num_requests) == (1, 2)


def test_what_fails_in_time_fails_as_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        whole_within(5.0, lambda: 1 // 0)
    assert whole_within(5.0, lambda: 3) == 3


def test_an_answer_that_unpacks_to_more_than_the_machine_holds_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_limits, "ANSWER_BYTES_MAX", 1_000_000)
    packed = gzip.compress(b" " * 20_000_000)
    assert len(packed) < 100_000
    outcome = Answer(body=packed, headers={"Content-Encoding": "gzip"})
    with (
        local_server(lambda _: outcome) as port,
        limited_session(5.0) as session,
        pytest.raises(requests.RequestException, match="more than"),
    ):
        session.get(f"http://127.0.0.1:{port}/")


def test_behind_tls_too(tmp_path: Path) -> None:
    pem = _self_signed(tmp_path / "local.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    done, drops = threading.Event(), [0]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(4096)
                    while not done.wait(0.01):
                        secure.sendall(b"H")
                        drops[0] += 1

        threading.Thread(target=serve, daemon=True).start()
        with limited_session(0.1) as session, pytest.raises(requests.ReadTimeout):
            session.get(f"https://localhost:{listening.getsockname()[1]}/", verify=str(pem))
        done.set()
    assert drops[0] > 3  # it was heard, and each read ended in time


def _self_signed(path: Path) -> Path:
    """Write a key and its certificate for localhost."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # where it is installed
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC),
        [x509.Extension(x509.SubjectAlternativeName.oid, False,
                        x509.SubjectAlternativeName([x509.DNSName("localhost")]))],
    ).sign(key, hashes.SHA256())  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
