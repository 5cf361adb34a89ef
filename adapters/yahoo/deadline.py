"""A hard limit on calls into a vendor's library that has none of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from core.errors import DataError

Answer = TypeVar("Answer")


def within(seconds: float, call: Callable[[], Answer], *, what: str) -> Answer:
    """Give the call's answer, or stop waiting for it.

    The call runs in a daemon thread; one that is given up on ends by itself and holds nothing up, not even the
    process's exit.

    Raises
    ------
    core.errors.DataError
        When there is no answer after `seconds`; whatever the call raises passes through.
    """
    answers: list[Answer] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as fault:  # noqa: BLE001  # carried to the caller's thread, raised there
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True, name=what)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not answers:
        raise DataError(f"{what} did not answer within {seconds:.1f} s.", hint="Check the network.")
    return answers[0]
