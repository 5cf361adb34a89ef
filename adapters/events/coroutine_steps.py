"""Coroutines stepped by hand: one that never has to wait costs no task and no turn of the event loop."""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine
from typing import Any

Steps = Generator[Any, Any, None]
DONE = object()  # what `next(steps, DONE)` gives once nothing is left


async def finish(steps: Steps, waited_for: Any) -> None:
    """Go on, as a task, with steps of which the first one waits for a future."""
    await _rest(steps, waited_for)


@coroutine
def _rest(steps: Steps, waited_for: Any) -> Generator[Any, Any, None]:
    try:
        yield waited_for
        yield from steps
    finally:
        steps.close()
