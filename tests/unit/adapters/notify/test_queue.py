"""The queue: each receiver gets each notification once it takes it; a cause is told once within its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.notify.queue import KEPT, NotificationQueue
from core.errors import LedgerError
from core.notifications import Notification, NotificationLevel

AT = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)
INFO, WARNING, CRITICAL = NotificationLevel
HOUR = timedelta(hours=1)


def told(key: str, *, at: datetime = AT, level: NotificationLevel = INFO, cause: str = "") -> Notification:
    return Notification(key=key, at=at, level=level, subject=key, text=f"{key}. {cause}", cause=cause)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[NotificationQueue]:
    made = NotificationQueue(tmp_path / "notifications.sqlite", messages_max=100)
    made.register(["a", "b"])
    yield made
    made.close()


def keys(queue: NotificationQueue, target: str, level: NotificationLevel = INFO) -> list[str]:
    queue.sort(HOUR)
    return [queued.notification.key for queued in queue.pending(target, level, 100)]


def test_each_receiver_gets_each_notification_in_order_until_it_is_marked(queue: NotificationQueue) -> None:
    queue.put([told("1"), told("2")])
    queue.put([told("2"), told("3", level=CRITICAL)])
    assert keys(queue, "a") == keys(queue, "b") == ["1", "2", "3"]
    assert keys(queue, "a", CRITICAL) == ["3"]
    queue.mark_delivered("a", [1, 2])
    assert keys(queue, "a") == ["3"]
    assert (queue.waiting("a"), queue.waiting("b")) == (1, 3)


def test_it_outlives_its_process_and_a_new_receiver_is_told_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "notifications.sqlite"
    first = NotificationQueue(path, messages_max=100)
    first.register(["a"])
    first.put([told("1", level=WARNING, cause="no bars")], place="step-1")
    # not closed: the process was killed
    second = NotificationQueue(path, messages_max=100)
    second.register(["a", "new"])
    second.put([told("2")])
    assert second.place() == "step-1"
    assert keys(second, "a") == ["1", "2"]
    assert keys(second, "new") == ["2"]
    assert second.pending("a", INFO, 1)[0].notification == told("1", level=WARNING, cause="no bars")
    second.register(["new"])
    assert second.waiting("a") == 0
    second.close()
    first.close()


def test_a_cause_is_told_once_within_its_time_then_with_how_often_it_came(queue: NotificationQueue) -> None:
    for minute in range(0, 70, 10):
        queue.put([told(f"f{minute}", at=AT + timedelta(minutes=minute), cause=f"{minute} steps failed")])
    queue.put([told("other", cause="the disk is full")])
    queue.sort(HOUR)
    waiting = {queued.notification.key: queued.repeats for queued in queue.pending("a", INFO, 100)}
    assert waiting == {"f0": 0, "f60": 5, "other": 0}


def test_what_has_no_cause_is_told_each_time(queue: NotificationQueue) -> None:
    queue.put([told("buy"), told("buy again")])
    assert keys(queue, "a") == ["buy", "buy again"]


def test_pruning_forgets_what_was_delivered_long_ago_and_nothing_that_waits(queue: NotificationQueue) -> None:
    queue.put([told("everyone has it"), told("one lacks it")])
    queue.sort(HOUR)
    queue.mark_delivered("a", [1, 2])
    queue.mark_delivered("b", [1])
    queue.prune(AT + KEPT + HOUR)
    assert keys(queue, "b") == ["one lacks it"]
    queue.put([told("everyone has it")])  # forgotten, so its key is new
    assert keys(queue, "a") == ["everyone has it"]


def test_too_many_lose_the_oldest_of_the_least_urgent_and_are_counted(queue: NotificationQueue) -> None:
    queue.put([told(f"c{n}", level=CRITICAL) for n in range(60)])
    queue.put([told(f"i{n}") for n in range(60)])
    queue.sort(HOUR)
    queue.prune(AT)
    left = keys(queue, "a")
    assert queue.dropped == 20
    assert left == [f"c{n}" for n in range(60)] + [f"i{n}" for n in range(20, 60)]


def test_a_file_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notifications.sqlite"
    path.write_text("not a database at all, but long enough to look like one" * 100)
    with pytest.raises(LedgerError, match="could not be opened"):
        NotificationQueue(path, messages_max=100)
