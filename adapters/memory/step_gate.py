"""How a writing thread yields while the engine steps: both share an interpreter, the step goes first."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

YIELD_SECONDS_MAX = 2.0


class YieldGate:
    """Shut while a step runs; a step that is long keeps nobody longer than `YIELD_SECONDS_MAX`."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._opens_at = 0.0

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Keep it shut within."""
        self._opens_at = time.monotonic() + YIELD_SECONDS_MAX
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def wait(self) -> None:
        """Wait until it is open."""
        if not self._open.is_set():
            self._open.wait(max(0.0, self._opens_at - time.monotonic()))


class GatedSelector(selectors.DefaultSelector):
    """Lets an event loop go on only through the gate: between any two of its turns it yields."""

    def __init__(self, gate: YieldGate) -> None:
        super().__init__()
        self._gate = gate

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events, then for the gate."""
        ready = super().select(timeout)
        self._gate.wait()
        return ready
