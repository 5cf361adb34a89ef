"""Which sessions a window of a report covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHOLE = "whole span"
SPLITS = (("2019-21", "2019-01-02", "2021-12-31"), ("2022-25", "2022-01-03", "2025-02-28"))


class SessionRange(NamedTuple):
    """A window's rows among the run's sessions: `first` to `last` inclusive, each with a row before it."""

    name: str
    first: int
    last: int


def windows_of(sessions: NDArray[np.datetime64]) -> Sequence[SessionRange]:
    """Return the whole span, and each of the two standing windows that it covers."""
    whole = [SessionRange(WHOLE, 1, len(sessions) - 1)]
    for name, begins, ends in SPLITS:
        first, last = np.datetime64(begins, "D"), np.datetime64(ends, "D")
        if sessions[0] < first and sessions[-1] >= last:
            row = int(np.searchsorted(sessions, first))
            whole.append(SessionRange(name, row, int(np.searchsorted(sessions, last, side="right")) - 1))
    return whole
