"""Jumps between sessions that no market makes, known from the sessions before them alone."""

from __future__ import annotations

import numpy as np

from adapters.feeds.quality.activity import BEFORE, quiet, surroundings
from adapters.feeds.quality.ratios import UNIT_LOGS
from adapters.feeds.quality.rows import Flags, VendorRows, to_series
from adapters.feeds.quality.scale import TOLERANCE_UNIT_MIN, moves
from core.types import BarPanel

ROUNDING = 1 - 1e-9


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
    jumpy = np.flatnonzero(_may_jump(panel, good, jump_min))
    place, sessions = np.nonzero(good.T[jumpy])
    columns = jumpy[place]
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


def _may_jump(panel: BarPanel, good: Flags, jump_min: float) -> Flags:
    """Say of each symbol whether any bar opens and closes that far from the good close before: most never do.

    A symbol is measured by its own bars alone, so the others need not be looked at.
    """
    newest = np.maximum.accumulate(np.where(good, np.arange(len(good), dtype=np.int32)[:, None], -1), axis=0)[:-1]
    before = np.take_along_axis(panel.close, np.maximum(newest, 0), axis=0)
    before[newest < 0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):  # NaN compares false, which is meant
        moved = [np.abs(np.log(price[1:] / before)) > jump_min * ROUNDING for price in (panel.open, panel.close)]
    found: Flags = np.any(good[1:] & moved[0] & moved[1], axis=0)
    return found


def _rows_of(panel: BarPanel, columns: np.ndarray, sessions: np.ndarray) -> VendorRows:
    prices = np.stack([panel.open, panel.high, panel.low, panel.close], axis=-1)[sessions, columns]
    none = np.zeros(len(columns))
    return VendorRows(
        columns=columns, sessions=panel.sessions[sessions], prices=prices, volume=panel.volume[sessions, columns],
        adj_close=prices[:, 3], dividend=none, capital_gain=none, split=none,
    )  # fmt: skip
