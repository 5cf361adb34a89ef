"""How far the work of a backtest is: what is called as it goes on."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, of)."""
StageProgress = Callable[[str, int, int], None]
"""Called with (stage, done, of)."""


def no_progress(done: int, of: int) -> None:
    """Report nothing."""


def no_stage_progress(stage: str, done: int, of: int) -> None:
    """Report nothing."""
