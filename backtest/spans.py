"""Which sessions a window of a report covers, and whether they were seen when the settings were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHOLE = "whole span"
SPLITS = (
    ("2019-21", "2019-01-02", "2021-12-31"),
    ("2022-25", "2022-01-03", "2025-02-28"),
    ("2025-26", "2025-03-03", "2026-03-12"),
)
WINDOW_SESSIONS_MIN = 21


class SessionRange(NamedTuple):
    """A window's rows among the run's sessions: `first` to `last` inclusive, each with a row before it.

    Attributes
    ----------
    seen : bool
        Whether any of them was looked at when the settings were chosen.
    """

    name: str
    first: int
    last: int
    seen: bool = True


class SeenSpan(NamedTuple):
    """The sessions that were looked at when a profile's settings were chosen; None where that is not declared."""

    first: date | None = None
    last: date | None = None


EVERYTHING_SEEN = SeenSpan()


def windows_of(sessions: NDArray[np.datetime64], seen: SeenSpan = EVERYTHING_SEEN) -> Sequence[SessionRange]:
    """Return the whole span, each standing window that it covers, and what lies before and after the seen span.

    A window of fewer than 21 sessions says nothing and is left out.
    """
    begins, ends = _rows_seen(sessions, seen)
    last = len(sessions) - 1
    out = [SessionRange(WHOLE, 1, last, begins <= last and ends >= 1)]
    for name, opens, closes in SPLITS:
        if sessions[0] < np.datetime64(opens) and sessions[-1] >= np.datetime64(closes):
            row = int(np.searchsorted(sessions, np.datetime64(opens)))
            stop = int(np.searchsorted(sessions, np.datetime64(closes), side="right")) - 1
            out.append(SessionRange(name, row, stop, begins <= stop and ends >= row))
    beside = (
        SessionRange(f"not seen: before {seen.first}", 1, begins - 1, seen=False),
        SessionRange(f"not seen: after {seen.last}", ends + 1, last, seen=False),
    )
    rows = {(window.first, window.last) for window in out}
    return [
        *out,
        *(w for w in beside if w.last - w.first + 1 >= WINDOW_SESSIONS_MIN and (w.first, w.last) not in rows),
    ]


def _rows_seen(sessions: NDArray[np.datetime64], seen: SeenSpan) -> tuple[int, int]:
    """Return the first and the last row that was seen."""
    begins, ends = 1, len(sessions) - 1
    if seen.first is not None:
        begins = max(1, int(np.searchsorted(sessions, np.datetime64(seen.first))))
    if seen.last is not None:
        ends = max(0, int(np.searchsorted(sessions, np.datetime64(seen.last), side="right")) - 1)
    return begins, ends
