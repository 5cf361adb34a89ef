"""The sender: a thread of its own that carries the queue to each receiver, as often as it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from adapters.notify.digest import is_quiet, messages_of
from adapters.notify.queue import NotificationQueue
from adapters.notify.receivers import Receiver
from config.notify import NotifySettings
from core.errors import LedgerError
from core.notifications import Notification, NotificationLevel
from core.plain_words import plain_reason
from core.ports import Clock

LOOK_SECONDS = 30.0
RETRY_SECONDS_FIRST = 2.0
STOP_SECONDS_MAX = 1.0
AT_ONCE_MAX = 200
log = structlog.get_logger("notify")


@dataclass(slots=True, kw_only=True)
class DeliveryState:
    """How it goes with one receiver.

    Attributes
    ----------
    failures : int
        Attempts in a row that failed.
    try_at_seconds : float
        On the monotonic clock: not before it.
    """

    failures: int = 0
    failed_since: datetime | None = None
    delivered_at: datetime | None = None
    try_at_seconds: float = 0.0


class NotificationSender:
    """Sends what waits in the queue, a receiver after the other; whoever fills the queue never waits for it.

    A message counts as delivered once the receiver took it. A process killed between the two sends it again at
    the next start: told twice at worst, never not at all.

    Parameters
    ----------
    due : callable
        Returns what is to be told at a moment by itself, such as the day's summary; called before each look at
        the queue, at least twice a minute.
    """

    def __init__(
        self,
        queue: NotificationQueue,
        receivers: Sequence[Receiver],
        settings: NotifySettings,
        clock: Clock,
        due: Callable[[datetime], Sequence[Notification]] = lambda _: (),
    ) -> None:
        self._queue = queue
        self._receivers = receivers
        self._settings = settings
        self._clock = clock
        self._due = due
        self._states = {receiver.target: DeliveryState() for receiver in receivers}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self.fault = ""

    def start(self) -> None:
        """Begin with what the process before left."""
        self._queue.register([receiver.target for receiver in self._receivers])
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Let it look at the queue soon; never blocks."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what is not delivered waits for the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS_MAX)

    def send_waiting(self) -> None:
        """Send each receiver what it has not got, unless it failed a moment ago.

        Raises
        ------
        core.errors.LedgerError
            When the queue cannot be read or written.
        """
        now = self._clock.now()
        notifications = tuple(self._due(now))
        if notifications:
            self._queue.put(notifications)
        self._queue.sort(timedelta(minutes=self._settings.repeat_minutes))
        quiet = is_quiet(self._settings.quiet_hours, now)
        level_min = NotificationLevel.CRITICAL if quiet else NotificationLevel.INFO
        for receiver in self._receivers:
            if not self._stopping.is_set() and time.monotonic() >= self._states[receiver.target].try_at_seconds:
                self._deliver(receiver, level_min)
        self._queue.prune(now)

    def card(self) -> list[dict[str, Any]]:
        """Describe each receiver: what waits for it, since when it fails."""
        return [
            {
                "receiver": receiver.name,
                "waiting": self._queue.waiting(receiver.target),
                "last_delivered_at": _iso(self._states[receiver.target].delivered_at),
                "failing_since": _iso(self._states[receiver.target].failed_since),
                "failures_in_a_row": self._states[receiver.target].failures,
            }
            for receiver in self._receivers
        ]

    def faults(self) -> list[str]:
        """Return what keeps messages from arriving, in words."""
        found = [f"notify: {self.fault}"] if self.fault else []
        return found + [
            f"notify: the receiver {card['receiver']} has taken no message since {card['failing_since']}; "
            f"{card['waiting']} wait and are sent when it answers"
            for card in self.card()
            if card["failing_since"]
        ]

    def _deliver(self, receiver: Receiver, level_min: NotificationLevel) -> None:
        state = self._states[receiver.target]
        while waiting := self._queue.pending(receiver.target, level_min, AT_ONCE_MAX):
            for message in messages_of(waiting):
                if self._stopping.is_set():
                    return
                if not self._sent(receiver, message):
                    self._put_off(receiver, state)
                    return
                self._queue.mark_delivered(receiver.target, message.sequences)
                state.failures, state.failed_since, state.delivered_at = 0, None, self._clock.now()

    def _sent(self, receiver: Receiver, message: Any) -> bool:
        try:
            return receiver.send(message)
        except Exception as error:  # the edge to many vendors' plugins: none of them may end the thread
            log.exception("notify.plugin_failed", receiver=receiver.name, reason=plain_reason(error))
            return False

    def _put_off(self, receiver: Receiver, state: DeliveryState) -> None:
        wait_seconds = min(RETRY_SECONDS_FIRST * 2**state.failures, self._settings.retry_seconds_max)
        state.failures += 1
        state.try_at_seconds = time.monotonic() + wait_seconds
        if state.failed_since is None:
            state.failed_since = self._clock.now()
            log.warning("notify.receiver_silent", receiver=receiver.name, retried_after_seconds=wait_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._wake.wait(self._wait_seconds()):
                self._wake.clear()
                self._stopping.wait(self._settings.collect_seconds)
            if self._stopping.is_set():
                return
            try:
                self.send_waiting()
                self.fault = ""
            except LedgerError as error:
                if self._stopping.is_set():  # the queue was closed while a receiver was waited for
                    return
                if not self.fault:
                    log.error("notify.queue_failed", reason=str(error))
                self.fault = str(error)
            except Exception as error:  # the thread's edge: a bug must be told, and silence nobody
                log.exception("notify.bug")
                self.fault = f"a bug in the sender: {plain_reason(error)}"

    def _wait_seconds(self) -> float:
        """Return how long nothing is due: until the next try of a receiver that failed."""
        now = time.monotonic()
        tries = [state.try_at_seconds - now for state in self._states.values() if state.failures]
        return max(0.05, min([LOOK_SECONDS, *tries]))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
