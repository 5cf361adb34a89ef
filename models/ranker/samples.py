"""What the ranker learns from: labels that end before the purge, and the factors that were known then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from config.trading import QuantSettings
from core.errors import DataError
from core.types import BarPanel, Floats
from models.factors.store import FactorTable

STOCKS_MIN = 4
SESSIONS_MIN = 120
MISSING_FACTORS_MAX = 3


class TooFewSamples(DataError):
    """A window has too little to learn from: a walk-forward goes on without this ranker."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """One sample a stock and session.

    Attributes
    ----------
    X : ndarray of float64, shape (n, 13)
        Cross-sectional z-scores; up to 3 of a sample may be NaN.
    y : ndarray of float64, shape (n,)
        1 where the stock ended in the top quarter, else 0.
    forward : ndarray of float64, shape (n,)
        Return over the horizon, as a fraction.
    day : ndarray of int, shape (n,)
        Row of the panel the sample was known at, not decreasing.
    window : tuple of datetime64[D]
        First and last session with samples, and the session the last label ends at.
    """

    X: Floats
    y: Floats
    forward: Floats
    day: NDArray[np.intp]
    window: tuple[np.datetime64, np.datetime64, np.datetime64]


def complete_enough(z: Floats) -> NDArray[np.bool_]:
    """Return which rows of z-scores, shape (..., 13), miss at most 3 factors; all others are left out."""
    return cast(NDArray[np.bool_], np.isnan(z).sum(axis=-1) <= MISSING_FACTORS_MAX)


def forward_returns(close: Floats, horizon_sessions: int) -> Floats:
    """Return over the next `horizon_sessions`, shape (T, N), NaN where either end is missing."""
    out = np.full(close.shape, np.nan)
    if len(close) > horizon_sessions:
        out[:-horizon_sessions] = close[horizon_sessions:] / close[:-horizon_sessions] - 1.0
    return out


def top_labels(forward: Floats, top_quantile: float) -> Floats:
    """Mark the stocks that ended above the quantile of their session, shape (T, N).

    Returns
    -------
    ndarray of float64
        1 or 0; NaN where the return is not known, and for sessions with fewer than 4 known ones.
    """
    out = np.full(forward.shape, np.nan)
    for row, returns in enumerate(forward):
        known = np.isfinite(returns)
        if known.sum() >= STOCKS_MIN:
            out[row, known] = returns[known] > np.quantile(returns[known], top_quantile)
    return out


def training_samples(bars: BarPanel, table: FactorTable, settings: QuantSettings, last_row: int) -> Samples:
    """Collect the samples of the window that ends at `last_row`.

    The last sample lies `purge_sessions` + 1 rows before `last_row`, so with a purge of at least the horizon
    every label ends before `last_row`: the model may be used from that very session on.

    Raises
    ------
    TooFewSamples
        When there is too little history.
    """
    close = bars.close[: last_row + 1]
    sessions = bars.sessions[: last_row + 1].astype("datetime64[D]")
    last = last_row - settings.purge_sessions - 1
    first = int(np.searchsorted(sessions, _months_before(sessions[-1], settings.window_months)))
    if last - first + 1 < SESSIONS_MIN:
        raise TooFewSamples(
            f"The ranker's window has {max(0, last - first + 1)} sessions with known labels, "
            f"{SESSIONS_MIN} are needed.",
            hint="Give the feed more history.",
        )
    forward = forward_returns(close, settings.horizon_sessions)[first : last + 1]
    z = table.z[first : last + 1]
    scored = np.isfinite(z).any(axis=-1)
    forward = np.where(scored, forward, np.nan)
    labels = top_labels(forward, settings.top_quantile)
    chosen = np.isfinite(labels) & complete_enough(z)
    rows, columns = np.nonzero(chosen)
    if not rows.size:
        most = int(np.isfinite(forward).sum(axis=1).max())
        raise TooFewSamples(
            f"No session of the window has {STOCKS_MIN} stocks to rank; the most had {most}.",
            hint="The ranker needs a universe of more stocks; where it has them, check the feed's bars and the "
            "universe's dates.",
        )
    days = rows + first
    ends = int(days[-1]) + settings.horizon_sessions
    return Samples(
        X=np.ascontiguousarray(z[rows, columns]),
        y=labels[rows, columns],
        forward=forward[rows, columns],
        day=days,
        window=(sessions[days[0]], sessions[days[-1]], sessions[ends]),
    )


def _months_before(day: np.datetime64, months: int) -> np.datetime64:
    month = day.astype("datetime64[M]")
    into = day - month.astype("datetime64[D]")
    return cast(np.datetime64, (month - months).astype("datetime64[D]") + into)
