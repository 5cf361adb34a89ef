"""Alpaca's trade_updates stream: a reason to poll, so that a fill is booked within a second, not at the next job.

Nothing is booked from it: events come twice, late, or never. The vendor's client reconnects by itself, with
exponential backoff and jitter; pings find a half-open socket. The watchdog here is about data: a stream that
claims to be connected and lacked a fill that polling found is thrown away and made anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import structlog

from adapters.alpaca.http import limit_handshake, quiet_import

if TYPE_CHECKING:
    from alpaca.trading.stream import TradingStream

RECEIVED_MAX = 1000
ENDS = frozenset({"fill", "partial_fill", "canceled", "expired", "rejected", "replaced"})
WEBSOCKET = {"ping_interval": 10, "ping_timeout": 20, "close_timeout": 5, "max_queue": 1024}
log = structlog.get_logger("alpaca")


class TradeUpdates:
    """Listens on a thread of its own.

    Parameters
    ----------
    make : callable
        Makes a client, not connected yet: `connect_stream` with its arguments.
    wake : callable
        Called on the stream's thread after each event that changes the account or ends an order; must not block.
    """

    def __init__(self, make: Callable[[], TradingStream], wake: Callable[[], None]) -> None:
        self._make = make
        self._wake = wake
        self._received: deque[str] = deque(maxlen=RECEIVED_MAX)
        self._ended = threading.Event()
        self._compared = False
        self._stream: TradingStream | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="alpaca-trade-updates")

    @property
    def connected(self) -> bool:
        """Whether the stream is authorised and listening."""
        return self._stream is not None and bool(self._stream._running)

    def start(self) -> None:
        """Begin listening."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; nothing waits for it."""
        self._ended.set()
        self._leave()

    def compare(self, client_order_ids: Iterable[str]) -> None:
        """Hold the orders whose fills polling found against the stream's events; a deaf stream is made anew.

        The first comparison only remembers: those fills may be from before the stream.
        """
        deaf = [name for name in client_order_ids if name not in self._received]
        self._received.extend(deaf)
        if deaf and self._compared and self.connected:
            log.warning("stream.deaf", client_order_ids=deaf)
            self._leave()
        self._compared = True

    def _run(self) -> None:
        while not self._ended.is_set():
            stream = self._make()
            stream.subscribe_trade_updates(self._take)
            self._stream = stream
            stream.run()

    def _leave(self) -> None:
        stream = self._stream
        if stream is not None and stream._loop is not None and stream._loop.is_running():
            asyncio.run_coroutine_threadsafe(_end(stream), stream._loop)

    async def _take(self, message: Any) -> None:
        update = message["data"]
        if update["event"] in ENDS:
            self._received.append(str(update["order"]["client_order_id"]))
            self._wake()


async def _end(stream: TradingStream) -> None:
    """End a client at once: its stop alone would be noticed with its next message or after five seconds."""
    await stream.stop_ws()
    await stream.close()


def connect_stream(key: str, secret: str, *, paper: bool, url_override: str | None = None) -> TradingStream:
    """Make the streaming client; it connects when started.

    Parameters
    ----------
    url_override : str or None
        Where the stream is (ws://...), for tests.
    """
    with quiet_import():  # heavy: imported at first use
        from alpaca.trading.stream import TradingStream  # noqa: PLC0415

    # each attempt to reconnect would log a traceback; the status says that the stream is down
    logging.getLogger("alpaca.trading.stream").setLevel(logging.CRITICAL)
    stream = TradingStream(
        key, secret, paper=paper, raw_data=True, url_override=url_override or "", websocket_params=dict(WEBSOCKET)
    )
    limit_handshake(stream)
    return stream
