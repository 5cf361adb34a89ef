"""What cash earns: the bill rate by session, and curves whose cash has earned it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from analysis.curves import simple_returns
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR


def bill_returns(sessions: NDArray[np.datetime64], rates: Sequence[tuple[date, float]]) -> Floats:
    """Return what cash earns in each session, shape (T,): the rate in force over 252; 0 before the first.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    rates : sequence of (date, float)
        The yearly rate from each day on, ascending.
    """
    days = np.array([day for day, _ in rates], dtype="datetime64[D]")
    values = np.array([0.0, *(rate for _, rate in rates)])
    return np.asarray(values[np.searchsorted(days, sessions, side="right")] / SESSIONS_PER_YEAR)


def with_interest(equity: Floats, exposure: Floats, bills: Floats) -> Floats:
    """Return the curve (T,) as if what was not invested at each close had earned the bill rate until the next.

    Parameters
    ----------
    equity, exposure, bills : ndarray of float64, shape (T,)
        The curve without interest, the share of it that was invested at each close, and what cash earns in each
        session.
    """
    earned = (1.0 - exposure[:-1]) * bills[1:]
    return np.asarray(equity[0] * np.append(1.0, np.cumprod(1.0 + simple_returns(equity) + earned)))
