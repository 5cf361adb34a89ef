"""Whether recorded orders may be sent: a person's halt and a fault close it, from any thread, within a step."""

from __future__ import annotations

import threading


class SendingSwitch:
    """Opened and closed from any thread; of a halt and a resume the one that was asked for later wins.

    Attributes
    ----------
    halt_requests : int
        How many halts persons asked for so far. Who means to open the switch reads it when asked to, and hands
        it to `open` when the engine's thread comes to it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._halted = False
        self.halt_requests = 0

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be sent."""
        return self._closed

    @property
    def is_halted(self) -> bool:
        """Whether a person's halt is in force."""
        return self._halted

    def request_halt(self) -> None:
        """Close on a person's word: it outlasts every `open` that was asked for before."""
        with self._lock:
            self._closed = self._halted = True
            self.halt_requests += 1

    def close(self) -> None:
        """Close because of a fault."""
        with self._lock:
            self._closed = True

    def open(self, halt_requests: int) -> None:
        """Let orders be sent again, unless a halt was requested after `halt_requests` of them were counted."""
        with self._lock:
            if self.halt_requests == halt_requests:
                self._closed = self._halted = False
