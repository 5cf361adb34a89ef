"""Messages: all that is told is in them, nothing twice, none longer than the shortest receiver takes."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.notify.digest import BODY_CHARACTERS_MAX, is_quiet, messages_of
from adapters.notify.queue import QueuedNotification
from config.notify import QuietHours
from core.notifications import Notification, NotificationLevel

AT = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)
INFO, WARNING, CRITICAL = NotificationLevel


def queued(
    sequence: int, text: str, *, cause: str = "", level: NotificationLevel = INFO, repeats: int = 0
) -> QueuedNotification:
    told = Notification(key=str(sequence), at=AT, level=level, subject=f"S{sequence}", text=text, cause=cause)
    return QueuedNotification(sequence=sequence, notification=told, repeats=repeats)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=2_500), max_size=30
    )
)
def test_every_notification_is_in_exactly_one_message_and_none_is_too_long(texts: list[str]) -> None:
    waiting = [queued(place, f"#{place}# {text}") for place, text in enumerate(texts)]
    messages = messages_of(waiting)
    assert [sequence for message in messages for sequence in message.sequences] == list(range(len(texts)))
    for message in messages:
        assert len(message.body) <= BODY_CHARACTERS_MAX
        assert all(f"#{sequence}#" in message.body for sequence in message.sequences)


def test_a_halt_its_alert_and_its_failed_job_are_said_once() -> None:
    waiting = [
        queued(1, "Halted. LedgerError: the disk is full.", cause="the disk is full.", level=WARNING),
        queued(2, "Trading is HALTED: LedgerError: the disk is full. Nothing is sent.", level=CRITICAL),
        queued(3, "The job cron_decide failed: the disk is full.", cause="the disk is full", level=WARNING),
        queued(4, "Bought 3 KO."),
    ]
    (message,) = messages_of(waiting)
    assert message.body.count("the disk is full") == 1
    assert "HALTED" in message.body
    assert "Bought 3 KO." in message.body
    assert message.sequences == (1, 2, 3, 4)
    assert (message.level, message.title) == (CRITICAL, "trading-engine: S2 and 1 more")


def test_a_message_says_when_and_how_often() -> None:
    (message,) = messages_of([queued(1, "No bars.", cause="no bars", repeats=4)])
    assert message.body == "Mon 10:30 New York: No bars. (It came 4 more times since it was last told.)"


@pytest.mark.parametrize(
    ("start", "end", "quiet"),
    [("10:00", "11:00", True), ("10:30", "10:31", True), ("10:31", "10:30", False), ("22:00", "07:00", False),
     ("22:00", "10:31", True), ("10:00", "10:30", False)],
)  # fmt: skip
def test_quiet_hours_are_those_of_their_zone_and_may_go_over_midnight(start: str, end: str, quiet: bool) -> None:
    hours = QuietHours(start=time.fromisoformat(start), end=time.fromisoformat(end))
    assert is_quiet(hours, AT) is quiet
    assert not is_quiet(QuietHours(), AT)
