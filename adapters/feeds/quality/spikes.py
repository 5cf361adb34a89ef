"""A session whose close jumps and goes back at the next open, without the trading that a real jump brings."""

from __future__ import annotations

import numpy as np

from adapters.feeds.quality.activity import ACTIVITY_MAX, AROUND, surroundings
from adapters.feeds.quality.rows import CLOSE, OPEN, Flags, Series
from adapters.feeds.quality.scale import GAP_DAYS_MAX, moves

SPIKE_MIN = 0.22  # as a log
SPIKE_SIGMAS_MIN = 8.0
UNTRADED_MIN = np.log(1.8)  # a stock that nearly doubles does not open where it was, however much it traded
BACK_MIN = 0.06
BACK_SIGMAS = 3.0
BACK_SHARE_MAX = 0.25


def find_spikes(series: Series) -> Flags:
    """Mark the rows whose close goes away and comes back, shape (m,), and say so; nothing says what it was."""
    spikes = np.zeros(len(series.at), dtype=bool)
    _, closing = moves(series)
    rows = np.flatnonzero(np.abs(closing[:-1]) > SPIKE_MIN)
    rows = rows[~series.first[rows] & ~series.first[rows + 1]]
    if not len(rows):
        return spikes
    odd = np.zeros(len(closing), dtype=bool)
    odd[np.r_[rows, rows + 1]] = True
    usual = surroundings(series, rows, odd, looked_at=AROUND)
    before, spike = series.prices[rows - 1, CLOSE], series.prices[rows, CLOSE]
    after = np.log(series.prices[rows + 1][:, [OPEN, CLOSE]] / before[:, None])
    away = np.abs(np.log(spike / before))
    limit = np.maximum(BACK_MIN, BACK_SIGMAS * usual.sigma)
    share = BACK_SHARE_MAX * away
    back = (np.abs(after[:, 0]) <= np.minimum(limit, share)) & (np.abs(after[:, 1]) <= np.maximum(limit, share))
    near = (series.sessions[rows + 1] - series.sessions[rows]).astype(np.int64) <= GAP_DAYS_MAX
    large = away > SPIKE_SIGMAS_MIN * usual.sigma
    spikes[rows[back & near & large & (~(usual.activity > ACTIVITY_MAX) | (away > UNTRADED_MIN))]] = True
    for row in np.flatnonzero(spikes):
        series.report(int(row), "a close that jumps and is back at the next open: the bar is left out")
    return spikes
