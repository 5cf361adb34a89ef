"""From notifications to messages: what came together goes into one, nothing is said twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from adapters.notify.queue import QueuedNotification
from config.notify import QuietHours
from core.notifications import NotificationLevel
from core.times import NEW_YORK

BODY_CHARACTERS_MAX = 1_800  # below Discord's 2,000, the shortest of the common receivers
NAME = "trading-engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to a receiver in one piece.

    Attributes
    ----------
    sequences : tuple of int
        The notifications that it stands for.
    """

    title: str
    body: str
    level: NotificationLevel
    sequences: tuple[int, ...]


def messages_of(waiting: Sequence[QueuedNotification]) -> tuple[Message, ...]:
    """Put notifications into as few messages as their length allows, in their order.

    One whose cause another already holds in its text is not said again, but counts as said.
    """
    out: list[Message] = []
    lines: list[str] = []
    taken: list[QueuedNotification] = []
    said = _said(waiting)
    for queued in waiting:
        line = _line(queued) if queued.sequence in said else ""
        if lines and line and sum(map(len, lines)) + len(lines) + len(line) > BODY_CHARACTERS_MAX:
            out.append(_message(lines, taken, said))
            lines, taken = [], []
        if line:
            lines.append(line)
        taken.append(queued)
    if taken:
        out.append(_message(lines, taken, said))
    return tuple(out)


def is_quiet(hours: QuietHours, now: datetime) -> bool:
    """Return whether a moment lies in the quiet hours."""
    if hours.start is None or hours.end is None:
        return False
    local: time = now.astimezone(ZoneInfo(hours.timezone)).time()
    if hours.start <= hours.end:
        return hours.start <= local < hours.end
    return local >= hours.start or local < hours.end


def _said(waiting: Sequence[QueuedNotification]) -> set[int]:
    """Return which notifications are said in words of their own: the more urgent and the longer first."""
    said: list[QueuedNotification] = []
    for queued in sorted(waiting, key=lambda q: (-q.notification.level, -len(q.notification.text), q.sequence)):
        cause = queued.notification.cause.rstrip(".").casefold()
        if not cause or not any(cause in other.notification.text.casefold() for other in said):
            said.append(queued)
    return {queued.sequence for queued in said}


def _message(lines: Sequence[str], taken: Sequence[QueuedNotification], said: set[int]) -> Message:
    shown = [queued.notification for queued in taken if queued.sequence in said]
    worst = max(shown, key=lambda n: n.level, default=taken[0].notification)
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    return Message(
        title=f"{NAME}: {worst.subject}{more}",
        body="\n".join(lines) or worst.text,
        level=worst.level,
        sequences=tuple(queued.sequence for queued in taken),
    )


def _line(queued: QueuedNotification) -> str:
    told, repeats = queued.notification, queued.repeats
    again = (
        f" (It came {repeats} more time{'s' if repeats > 1 else ''} since it was last told.)" if repeats else ""
    )
    text = f"{told.at.astimezone(NEW_YORK):%a %H:%M} New York: {told.text}{again}"
    return text if len(text) <= BODY_CHARACTERS_MAX else text[: BODY_CHARACTERS_MAX - 1] + "…"
