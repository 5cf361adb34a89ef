"""Limits on the whole of an outgoing request: requests' own hold for each read, so that a drip never ends."""

from __future__ import annotations

import heapq
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

Answer = TypeVar("Answer")
WHOLE_TIMES = 3
"""A whole answer gets so many times what one read of it does: a slow line is slow at each."""
ANSWER_BYTES_MAX = 64_000_000
CHUNK_BYTES = 65_536


class _Watch:
    """Shuts the connection of a request at its last moment; whoever reads from it then wakes."""

    def __init__(self) -> None:
        self.is_over = False
        self._is_closed = False
        self._lock = threading.Lock()
        self._shut: socket.socket | None = None

    def connection(self, open_socket: Any) -> None:
        """Take note of the connection in use."""
        with self._lock:
            self._let_go()
            # a socket of its own on the same connection: it works below TLS, and while another thread reads
            self._shut = socket.socket(fileno=os.dup(open_socket.fileno()))
            if self.is_over:
                self._end()

    def run_out(self) -> None:
        """End the request: its time is over."""
        with self._lock:
            if not self._is_closed:
                self.is_over = True
                self._end()

    def close(self) -> None:
        """Let go of the connection, which may serve another request from now on."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def _end(self) -> None:
        if self._shut is not None:
            with suppress(OSError):  # the other side was quicker
                self._shut.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._shut is not None:
            self._shut.close()
            self._shut = None


class _Deadlines:
    """Ends requests at their last moments, on one thread: a timer for each would cost as much as the request."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Watch]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, watch: _Watch, seconds: float) -> None:
        """End a request in so many seconds, unless it is closed by then."""
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + seconds, self._count, watch))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="request limits")
                self._thread.start()
            elif self._due[0][1] == self._count:  # it is due before all others
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, watch = heapq.heappop(self._due)
            watch.run_out()


_WATCH: ContextVar[_Watch | None] = ContextVar("watch", default=None)
_DEADLINES = [_Deadlines()]


def _begin_anew() -> None:
    _DEADLINES[0] = _Deadlines()  # a forked child has none of its parent's threads


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_begin_anew)


def whole_within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Ask something of a session of `limit_session`, and give it up unless it is done in time, to its last byte.

    Raises
    ------
    requests.ReadTimeout
        When the time is over; whatever the asking raises before passes through.
    """
    watch = _Watch()
    token = _WATCH.set(watch)
    _DEADLINES[0].watch(watch, seconds)
    try:
        answer = ask()
    except Exception:
        if not watch.is_over:  # a shut connection breaks whatever reads: TLS, the body's parts, its unpacking
            raise
    finally:
        _WATCH.reset(token)
        watch.close()
    if watch.is_over:  # where it broke nothing: its end looks like that of an answer without a length
        raise requests.ReadTimeout(f"timed out: the whole answer took more than {seconds:g} s")
    return answer


class _Listing:
    """A list that comes in pages: what was asked of it, and until when it may be."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._had: set[str] = set()

    def require_next(self, url: str) -> None:
        """Refuse to ask again for a page that came, or after the time."""
        if url in self._had:
            raise requests.RequestException("the same page of a list is given again, so that it has no end")
        if time.monotonic() > self._ends_at:
            raise requests.ReadTimeout("timed out: the list has no end")

    def note(self, url: str) -> None:
        """Take note of a page that came."""
        self._had.add(url)


_LISTING: ContextVar[_Listing | None] = ContextVar("listing", default=None)


@contextmanager
def one_listing(seconds: float) -> Iterator[None]:
    """Bound a list whose pages a library asks for one after the other, as long as each names a next one."""
    token = _LISTING.set(_Listing(seconds))
    try:
        yield
    finally:
        _LISTING.reset(token)


def limit_session(session: requests.Session, timeout_seconds: float) -> None:
    """Limit each request of a session: a read takes so long at most, the whole answer `WHOLE_TIMES` as long."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Limited(timeout_seconds))


@contextmanager
def limited_session(timeout_seconds: float) -> Iterator[requests.Session]:
    """Give a session of `limit_session`, and close it."""
    with requests.Session() as session:
        limit_session(session, timeout_seconds)
        yield session


class _Watched(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3's own
        _note(self.sock)
        return super().getresponse()


class _WatchedTls(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3's own
        _note(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


POOLS = {"http": _Pool, "https": _TlsPool}


def _note(open_socket: Any) -> None:
    watch = _WATCH.get()
    if watch is not None:
        watch.connection(open_socket)


class _Limited(HTTPAdapter):
    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        # requests' own Session passes all of send's arguments by name
        kwargs["timeout"] = self._timeout_seconds
        if kwargs.get("stream"):  # its reader limits the whole
            return super().send(request, **kwargs)
        kwargs["stream"] = True
        listing, url = _LISTING.get(), str(request.url)
        if listing is not None:
            listing.require_next(url)
        answer = whole_within(
            WHOLE_TIMES * self._timeout_seconds, lambda: _read(super(_Limited, self).send(request, **kwargs))
        )
        if listing is not None and answer.ok:
            listing.note(url)
        return answer


def _read(response: requests.Response) -> requests.Response:
    """Read an answer's body, which may be packed: no more of it than a machine can hold."""
    read = bytearray()
    for chunk in response.iter_content(CHUNK_BYTES):
        read += chunk
        if len(read) > ANSWER_BYTES_MAX:
            response.close()
            raise requests.exceptions.ContentDecodingError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    response._content = bytes(read)
    return response
