"""A call that raises, hangs, leaves or eats memory ends with a fault, and the others are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import pytest

from agents.bounded_calls import BoundedCalls, CallEndedError, CallFault

DEADLINE_SECONDS = 0.3
ENDLESS_SECONDS = 60.0


def loop() -> int:
    while True:
        pass


def loop_in_spite_of_everything() -> int:
    until = time.monotonic() + 3
    while time.monotonic() < until:
        try:
            time.sleep(0.001)
        except BaseException:  # noqa: BLE001, S112  # the worst that a user may write
            continue
    return 0


def sleep() -> int:
    time.sleep(4 * DEADLINE_SECONDS)
    return 0


def eat() -> int:
    held: list[bytearray] = []
    while True:
        held.append(bytearray(8_000_000))
        time.sleep(0.002)


def leave() -> NoReturn:
    raise SystemExit(1)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


def fail() -> NoReturn:
    raise ValueError("no data")


def calls(memory_mb_max: float = 1e6, deadline_seconds: float = DEADLINE_SECONDS) -> BoundedCalls[int]:
    return BoundedCalls(deadline_seconds, memory_mb_max)


def test_answers_come_back_by_name_in_the_order_of_the_calls() -> None:
    found = calls().run({"b": lambda: 2, "a": lambda: 1})
    assert list(found.items()) == [("b", 2), ("a", 1)]
    assert calls().run({}) == {}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (fail, "it raised ValueError: no data"),
        (leave, "it raised SystemExit"),
        (interrupt, "it raised KeyboardInterrupt"),
        (loop, "it did not answer within 0.3 s"),
        (sleep, "it did not answer within 0.3 s"),
        (loop_in_spite_of_everything, "it did not answer within 0.3 s"),
    ],
)
def test_a_bad_call_is_a_fault_and_the_others_are_made(bad: Callable[[], int], reason: str) -> None:
    found = calls().run({"first": lambda: 1, "bad": bad, "last": lambda: 3})
    assert (found["first"], found["last"]) == (1, 3)
    fault = found["bad"]
    assert isinstance(fault, CallFault)
    assert fault.reason.startswith(reason)


def test_an_endless_loop_is_ended_and_may_be_called_again() -> None:
    others = set(threading.enumerate())
    caller = calls()
    caller.run({"bad": loop})
    for thread in set(threading.enumerate()) - others:
        thread.join(ENDLESS_SECONDS)
        assert not thread.is_alive()
    assert caller.run({"bad": lambda: 5}) == {"bad": 5}


def test_one_that_has_not_returned_is_not_called_again() -> None:
    caller = calls()
    released = threading.Event()

    def holds_on() -> int:
        while not released.is_set():
            with suppress(CallEndedError):  # however often it is ended, and wherever that meets it
                released.wait(ENDLESS_SECONDS)
        return 0

    caller.run({"bad": holds_on})
    found = caller.run({"bad": lambda: 1, "good": lambda: 2})
    assert found == {"bad": CallFault("an earlier call of it has still not returned"), "good": 2}
    released.set()


def test_one_that_eats_memory_is_ended_before_its_deadline() -> None:
    found = calls(memory_mb_max=200.0, deadline_seconds=ENDLESS_SECONDS).run({"bad": eat, "good": lambda: 2})
    fault = found["bad"]
    assert isinstance(fault, CallFault)
    assert "MB of memory; at most 200 are allowed" in fault.reason
    assert found["good"] == 2
