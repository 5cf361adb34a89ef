"""HTTP connections with bounds of bytes, parts and time, so that no client can hold up the others.

A client that is not let in is refused at its headers: of a body in parts not one is parsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.refusal import Refusal
from config.server import ServerSettings

BURST_SECONDS = 0.5  # many connections at once are no attack while their headers follow
HEADERS_MAX = 100
PIPELINED_MAX = 16
UNPARSED_BYTES_MAX = 64 * 1024  # a body of a stranger up to this announced length costs one copy
TOO_SLOW = Refusal(408, "The request did not arrive in time.", "Send it whole, at once.")
HEADERS_TOO_LARGE = Refusal(431, "The headers are too many or too long.", "Send fewer and shorter ones.")
TOO_MANY_PARTS = Refusal(413, "The body comes in too many parts.", "Send it whole, with a Content-Length.")
TOO_MANY_PIPELINED = Refusal(429, "Too many requests wait on one connection.", "Wait for the answers.", 1)
NOT_HTTP = Refusal(400, "What was sent is not HTTP.", "Send HTTP/1.1.")

HeaderRefusal = Callable[[Any, dict[bytes, bytes]], Refusal | None]


class _Stopped(Exception):
    """Ends the parsing of a connection's data."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP connection within limits.

    Parameters
    ----------
    limits : ServerSettings
    header_refusal : callable
        Gives the reason to refuse a request by its scope and headers alone; None lets it in.
    unfinished : dict
        Since when each connection has waited for its headers, the oldest first; shared by all of a server.
    """

    def __init__(
        self,
        *uvicorn_arguments: Any,
        limits: ServerSettings,
        header_refusal: HeaderRefusal,
        unfinished: dict[LimitedHttpProtocol, float],
        **uvicorn_options: Any,
    ) -> None:
        super().__init__(*uvicorn_arguments, **uvicorn_options)
        self._limits = limits
        self._header_refusal = header_refusal
        self._unfinished = unfinished
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._body_parts = 0
        self._in_headers = True
        self._stopped = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, so long and no longer."""
        super().connection_made(transport)
        self._begin_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._set_deadline(None)
        self._end_write_deadline()
        self._unfinished.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, until a limit is reached."""
        if self._stopped:
            return
        self._unset_keepalive_if_required()
        if self._in_headers:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._stop(NOT_HTTP)
        else:
            if self._in_headers and self._header_bytes > self._limits.header_bytes_max:
                self._stop(HEADERS_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._end_headers()
        self._set_deadline(None)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= PIPELINED_MAX:
            self._stop(TOO_MANY_PIPELINED)
            raise _Stopped
        super().on_message_begin()
        self._body_parts = 0
        if not self._in_headers:
            self._begin_headers()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        self._require_headers_within(len(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        super().on_header(name, value)
        self._require_headers_within(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Start the request, and go no further when its headers suffice to refuse it."""
        self._end_headers()
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        self._set_deadline(self._limits.body_seconds_max)
        headers = dict(self.headers)
        if _is_costly(headers) and self._header_refusal(self.scope, headers) is not None:
            self.cycle.keep_alive = False  # the application answers with the same reason
            self._set_deadline(None)
            self._stopped = True
            self.transport.pause_reading()
            raise _Stopped

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_parts += 1
        if self._body_parts > self._limits.body_chunks_max:
            self._stop(TOO_MANY_PARTS)
            raise _Stopped
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        self._set_deadline(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, so long and no longer."""
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self._limits.body_seconds_max, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._end_write_deadline()

    def _begin_headers(self) -> None:
        self._in_headers, self._header_bytes = True, 0
        self._set_deadline(self._limits.header_seconds_max)
        now = self._unfinished[self] = self.loop.time()
        if len(self._unfinished) > self._limits.unfinished_connections_max:
            oldest, since = next(iter(self._unfinished.items()))
            if now - since > BURST_SECONDS:
                del self._unfinished[oldest]
                oldest.transport.abort()

    def _end_headers(self) -> None:
        self._in_headers = False
        self._unfinished.pop(self, None)

    def _require_headers_within(self, more_bytes: int) -> None:
        if len(self.headers) > HEADERS_MAX or more_bytes > self._limits.header_bytes_max:
            self._stop(HEADERS_TOO_LARGE)
            raise _Stopped

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late, seconds)

    def _too_late(self, seconds: float) -> None:
        self._deadline = None
        if self.flow.read_paused:  # it is we who do not read: a request before this one is at work
            self._set_deadline(seconds)
        else:
            self._stop(TOO_SLOW)

    def _stop(self, refusal: Refusal) -> None:
        """Answer with a reason if nothing else is being answered, and close."""
        if self._stopped:
            return
        self._stopped = True
        self._set_deadline(None)
        at_work = self.cycle is not None and not self.cycle.response_complete
        if not at_work or not (self._in_headers or self.pipeline or self.cycle.response_started):
            self.transport.write(_encoded(refusal))
        if at_work:
            self.cycle.disconnected = True  # whatever it would answer, nobody reads it
            self.cycle.message_event.set()
        self.transport.close()

    def _end_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None


def _is_costly(headers: dict[bytes, bytes]) -> bool:
    """Return whether a body comes in parts of unknown number, or is long."""
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length[:20]) > UNPARSED_BYTES_MAX


def _encoded(refusal: Refusal) -> bytes:
    response = refusal.response()
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [STATUS_LINE[refusal.status], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
    return b"".join([*lines, bytes(response.body)])
