"""Security of requests: who may send them and what they look like, checked before any route, HTTP or WebSocket.

Browsers let any page send requests to a loopback server. The Host allow-list stops DNS rebinding, the Origin
and Sec-Fetch-Site checks stop cross-site requests, and off loopback a bearer token is required
(config.environment insists).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
import socket
from collections import Counter
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.refusal import Refusal, refuse
from api.response_headers import with_security_headers
from api.token_attempts import TokenAttempts
from config.environment import LOOPBACK, Environment

BODY_BYTES_MAX = 1024 * 1024
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on
OPEN_PATHS = ("/health", "/")  # the page itself holds nothing; what it asks for needs the token
OPEN_FOLDERS = ("/dashboard/",)
BEARER_PROTOCOL = "bearer."  # a browser's WebSocket can send a token in no other header
SINGLE_HEADERS = (b"host", b"authorization", b"content-length", b"content-type")  # none may come twice
FETCH_SITES = (b"same-origin", b"none")  # a page of ours, or a person who typed the address
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


FOREIGN_ORIGIN = Refusal(
    403,
    "The request comes from a web page of another origin, and those may not command the engine.",
    "Call from a page that this server serves, or without an Origin header.",
)
WRONG_TOKEN = Refusal(
    401, "The bearer token is missing or wrong.", "Send 'Authorization: Bearer <TRADING_API_TOKEN>'."
)
BODY_TOO_LARGE = Refusal(
    413, f"The body is larger than {BODY_BYTES_MAX} bytes.", "No documented call needs more than a few hundred."
)
BODY_NOT_JSON = Refusal(
    415,
    "The body is not declared as JSON.",
    "Send 'Content-Type: application/json' (curl: -H 'content-type: application/json'), or no body.",
)
LENGTH_NOT_A_NUMBER = Refusal(
    400, "The Content-Length is not a number.", "Send the body's length in bytes, or no Content-Length."
)


class Gate:
    """Decides on a request's headers alone; pure, so that HTTP and WebSocket share it."""

    def __init__(self, environment: Environment) -> None:
        self._names = {*LOOPBACK, environment.host.lower()}
        self._any_address = environment.host in WILDCARDS
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        token = environment.token.get_secret_value() if environment.token else ""
        self._credentials = f"Bearer {token}".encode() if token else b""

    def refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Refusal | None:
        """Give the reason to refuse this request; None lets it in."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_ours(host, scope):
            return Refusal(
                421,
                "The Host header names another server than this one.",
                f"Ask for this server by a name it knows: {', '.join(sorted(self._names))}, with its port.",
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._same_origin(origin.decode("latin-1"), scope):
            return FOREIGN_ORIGIN
        if headers.get(b"sec-fetch-site", FETCH_SITES[0]) not in FETCH_SITES and not _is_link(scope, headers):
            return FOREIGN_ORIGIN
        if self._credentials and not _open(scope["path"]):
            given = offered_token(scope, headers)
            if not secrets.compare_digest(given, self._credentials):
                return WRONG_TOKEN
        return None

    def _same_origin(self, origin: str, scope: Scope) -> bool:
        scheme, separator, authority = origin.partition("://")
        return bool(separator) and scheme in ("http", "https") and self._is_ours(authority, scope)

    def _is_ours(self, authority: str, scope: Scope) -> bool:
        name, port = _split(authority, DEFAULT_PORTS.get(scope.get("scheme", "http"), 80))
        server = scope.get("server")
        if server and server[1] is not None and port != server[1]:
            return False
        return name in self._names or (self._any_address and _is_address(name))


def _open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def offered_token(scope: Scope, headers: dict[bytes, bytes]) -> bytes:
    """Return what a request offers as its authorization; empty when it offers none."""
    return headers.get(b"authorization") or _offered(scope, headers)


def _offered(scope: Scope, headers: dict[bytes, bytes]) -> bytes:
    """Read the token that a browser's WebSocket offers as the subprotocol `bearer.<base64url of the token>`."""
    if scope["type"] != "websocket":
        return b""
    for protocol in headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(","):
        kind, dot, encoded = protocol.strip().partition(".")
        if kind + dot == BEARER_PROTOCOL:
            try:
                return b"Bearer " + base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
            except (binascii.Error, ValueError):
                return b""
    return b""


def _split(authority: str, default_port: int) -> tuple[str, int]:
    name, colon, port = authority.strip().lower().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = authority.strip().lower(), str(default_port)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and port[0] != "0"):
        return "", 0
    return name.removeprefix("[").removesuffix("]"), int(port)


def _is_address(name: str) -> bool:
    """A literal address cannot be rebound by DNS, so on a wildcard listener any of them is ours."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class SecurityMiddleware:
    """Lets in what the gate lets in, with a body that is small and JSON."""

    def __init__(self, app: ASGIApp, environment: Environment, attempts: TokenAttempts) -> None:
        self._app = app
        self._gate = Gate(environment)
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with the refusal."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            send = with_security_headers(send)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refusal = _check_repeated(scope["headers"]) or self._gate.refusal(scope, headers)
        if refusal is None and scope["type"] == "http":
            refusal = _check_body(headers)
        if refusal is WRONG_TOKEN and offered_token(scope, headers):
            refusal = self._attempts.refusal((scope.get("client") or ("unknown",))[0], WRONG_TOKEN)
        if refusal is not None:
            await refuse(refusal, scope, receive, send)
        elif b"transfer-encoding" in headers:
            await self._buffered(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _buffered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a body of unannounced length before any route does, so that it cannot grow past the limit."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                await refuse(BODY_TOO_LARGE, scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        await self._app(scope, _replay(bytes(body), receive), send)


def _check_repeated(headers: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
    """Refuse a deciding header that comes twice: two readers may differ on which one holds."""
    count = Counter(name for name, _ in headers)
    if count[b"origin"] > 1 or count[b"sec-fetch-site"] > 1:
        return FOREIGN_ORIGIN
    for name in SINGLE_HEADERS:
        if count[name] > 1:
            return Refusal(
                400, f"The header {name.decode()} is sent more than once.", "Send it once, or leave it out."
            )
    return None


def _is_link(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Return whether a person followed a foreign page's link: it changes nothing, and the page reads nothing."""
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"  # never in a frame
    )


def _check_body(headers: dict[bytes, bytes]) -> Refusal | None:
    length = headers.get(b"content-length", b"0")
    if not (length.isdigit() and len(length) <= 20):
        return LENGTH_NOT_A_NUMBER
    if int(length) > BODY_BYTES_MAX:
        return BODY_TOO_LARGE
    has_body = int(length) > 0 or b"transfer-encoding" in headers
    if has_body and not _is_json(headers.get(b"content-type", b"")):
        return BODY_NOT_JSON
    return None


def _is_json(content_type: bytes) -> bool:
    kind = content_type.split(b";", 1)[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
