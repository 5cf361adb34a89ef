"""The heartbeat: a sign of life after each good cycle, so that silence alarms elsewhere (a dead man's switch)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
import structlog

from adapters.request_limits import WHOLE_TIMES, limited_session, whole_within
from core.plain_words import plain_reason
from core.ports import Clock

RETRY_SECONDS_FIRST = 2.0
STOP_SECONDS_MAX = 1.0
SUCCESS_BELOW = 300
log = structlog.get_logger("notify")


class Heartbeat:
    """Asks an address with GET after each good cycle, on a thread of its own; a step never waits for it.

    Cycles that end while a ping is on its way share the next one.

    Parameters
    ----------
    url : str
        Secret: it is written nowhere.
    attempts_max : int
        A ping that fails is tried again after 2, 4, ... seconds, so that one lost packet is no alarm.

    Attributes
    ----------
    fault : str
        Why the last ping failed; empty when it went well.
    """

    def __init__(self, url: str, timeout_seconds: float, attempts_max: int, clock: Clock) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._attempts_max = attempts_max
        self._clock = clock
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._pinged_at: datetime | None = None
        self.fault = ""

    def start(self) -> None:
        """Begin to wait for good cycles."""
        self._thread.start()

    def beat(self) -> None:
        """Note that a cycle went well; never blocks."""
        self._due.set()

    def stop(self) -> None:
        """Ping no more."""
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS_MAX)

    def card(self) -> Mapping[str, Any]:
        """Describe it: when the last ping was answered, and what is wrong."""
        return {
            "configured": True,
            "last_ping_at": self._pinged_at.isoformat() if self._pinged_at else None,
            "fault": self.fault,
        }

    def _run(self) -> None:
        while self._due.wait() and not self._stopping.is_set():
            self._due.clear()
            for attempt in range(self._attempts_max):
                fault = self._ping()
                if not fault or self._stopping.wait(RETRY_SECONDS_FIRST * 2**attempt):
                    break
            if fault and not self.fault:
                log.warning("heartbeat.failed", reason=fault)
            self.fault = fault

    def _ping(self) -> str:
        """Ask once; return what went wrong, empty for nothing."""
        try:
            with limited_session(self._timeout_seconds) as session:
                status = whole_within(WHOLE_TIMES * self._timeout_seconds, lambda: self._status(session))
        except (requests.RequestException, ValueError) as error:
            return f"the heartbeat's receiver cannot be reached: {plain_reason(error)}"
        if status >= SUCCESS_BELOW:
            return f"the heartbeat's receiver answered {status}; see heartbeat.url (HEARTBEAT_URL)"
        self._pinged_at = self._clock.now()
        return ""

    def _status(self, session: requests.Session) -> int:
        # the status is enough: a body that never ends would keep the thread, and so the next ping
        with session.get(self._url, stream=True) as answer:
            return answer.status_code
