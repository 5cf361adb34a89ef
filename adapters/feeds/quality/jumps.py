"""Jumps between sessions that no market makes, known from the sessions before them alone."""

from __future__ import annotations

import numpy as np

from adapters.feeds.quality.activity import BEFORE, quiet, surroundings
from adapters.feeds.quality.ratios import UNIT_LOGS
from adapters.feeds.quality.rows import Flags, VendorRows, to_series
from adapters.feeds.quality.scale import TOLERANCE_UNIT_MIN, moves
from core.types import BarPanel


def find_jumps(panel: BarPanel, good: Flags, jump_min: float) -> Flags:
    """Mark the bars whose open and close jumped by a unit, or far and without the trading of a real move.

    Parameters
    ----------
    good : ndarray of bool, shape (T, N)
        The bars to look at.
    jump_min : float
        The least log of the jump looked at.

    Returns
    -------
    ndarray of bool, shape (T, N)
        Row t follows from rows 0..t only.
    """
    marked = np.zeros(good.shape, dtype=bool)
    columns, sessions = np.nonzero(good.T)
    if not len(columns):
        return marked
    series = to_series(_rows_of(panel, columns, sessions))
    opening, closing = moves(series)
    rows = np.flatnonzero((np.abs(opening) > jump_min) & (np.abs(closing) > jump_min) & (opening * closing > 0))
    odd = np.zeros(len(opening), dtype=bool)
    odd[rows] = True
    usual = surroundings(series, rows, odd, looked_at=BEFORE)
    unit = (np.abs(opening[rows][:, None] - UNIT_LOGS) <= TOLERANCE_UNIT_MIN).any(axis=1)
    found = series.at[rows[unit | quiet(opening[rows], closing[rows], usual)]]
    marked[sessions[found], columns[found]] = True
    return marked


def _rows_of(panel: BarPanel, columns: np.ndarray, sessions: np.ndarray) -> VendorRows:
    prices = np.stack([panel.open, panel.high, panel.low, panel.close], axis=-1)[sessions, columns]
    none = np.zeros(len(columns))
    return VendorRows(
        columns=columns, sessions=panel.sessions[sessions], prices=prices, volume=panel.volume[sessions, columns],
        adj_close=prices[:, 3], dividend=none, capital_gain=none, split=none,
    )  # fmt: skip
