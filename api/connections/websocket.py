"""WebSocket connections with a bound on a client's frames: fragments, pings and messages alike."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from config.server import ServerSettings

SLICE_BYTES = 512  # parsed at once: some 70 of the shortest frames
FLOODED_CLOSE_SECONDS = 1.0  # not read until then, so that coming back at once gains nothing
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, closed with a reason when a client floods it.

    Parameters
    ----------
    limits : ServerSettings
    """

    def __init__(self, *uvicorn_arguments: Any, limits: ServerSettings, **uvicorn_options: Any) -> None:
        super().__init__(*uvicorn_arguments, **uvicorn_options)
        self._limits = limits
        self._frames = 0
        self._flooded = False
        self._window_began = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Parse what came slice by slice, until there are too many frames."""
        for start in range(0, len(data), SLICE_BYTES):
            if self._flooded or self.transport.is_closing() or self.disconnected:
                return
            super().data_received(data[start : start + SLICE_BYTES])

    def handle_events(self) -> None:
        """Count the frames, and handle them unless there are too many."""
        now = self.loop.time()
        if now - self._window_began > self._limits.stream_frames_seconds:
            self._frames, self._window_began = 0, now
        self._frames += len(self.conn.events)
        if self._frames > self._limits.stream_frames_max and not self.close_sent:
            self._close_flooded()
        else:
            super().handle_events()

    def _close_flooded(self) -> None:
        limits = self._limits
        reason = f"more than {limits.stream_frames_max} frames in {limits.stream_frames_seconds:g} seconds"
        self.queue.put_nowait({"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": reason})
        self.conn.data_to_send()  # the pongs to its pings
        self.conn.send_close(POLICY_VIOLATION, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._flooded = True
        self.stop_keepalive()
        self.read_paused = False  # or the application's last `receive` would read on
        self.transport.pause_reading()
        self.close_timer = self.loop.call_later(FLOODED_CLOSE_SECONDS, self.transport.close)
