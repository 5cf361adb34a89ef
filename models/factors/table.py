"""The ranker's 13 factors as array code over a whole panel, causal to the last bit.

The value at row t from a full panel equals, bit for bit, the value from the panel cut after row t.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.types import BarPanel, Floats
from core.universe import BENCHMARK
from models.factors.formulas import WILDER_SESSIONS, fill_factors, stretches, true_range

FACTOR_NAMES = (
    "momentum_5d", "momentum_21d", "momentum_63d", "rsi_14", "mfi", "obv_slope", "gk_vol", "amihud", "adx",
    "volume_ratio", "bb_width", "high_52w_pct", "sector_momentum",
)  # fmt: skip
Z_LIMIT = 3.0
_MOMENTUM_63D = FACTOR_NAMES.index("momentum_63d")
_SECTOR_MOMENTUM = FACTOR_NAMES.index("sector_momentum")


def raw_factors(bars: BarPanel, sector_etf_of: Mapping[str, str], benchmark: str = BENCHMARK) -> Floats:
    """Compute the 13 factors of every symbol at every session.

    Parameters
    ----------
    sector_etf_of : mapping of str to str
        Each stock's sector ETF.

    Returns
    -------
    ndarray of float64, shape (T, N, 13)
        In the order of `FACTOR_NAMES`; NaN without a bar, during warm-up, and for a sector momentum whose ETF
        or benchmark has no history. One factor of one symbol lies side by side in memory (not C-order).

    Notes
    -----
    Bars are a symbol's own; holes of up to 5 sessions are bridged, longer ones start anew.

    - momentum_Kd: close / close K bars before - 1.
    - rsi_14, mfi, adx: TA-Lib over 14 bars.
    - obv_slope: least-squares slope of on-balance volume over 20 bars, over the mean volume of the 20.
    - gk_vol: Garman-Klass volatility over 20 bars, a year's.
    - amihud: mean absolute return per million dollars traded over 20 bars, days without volume left out.
    - volume_ratio: volume / its mean over 20 bars. bb_width: Bollinger (20, 2) band width / middle.
    - high_52w_pct: close / highest high of 252 bars (126 at least) - 1, at or below 0 for sane bars.
    - sector_momentum: 63-bar return of the stock's sector ETF minus the benchmark's.
    """
    sessions, symbols = bars.close.shape
    table = np.full((len(FACTOR_NAMES), symbols, sessions), np.nan)
    for bars_of_one in stretches(bars):
        if isinstance(bars_of_one.rows, slice):
            fill_factors(bars_of_one, table[:_SECTOR_MOMENTUM, bars_of_one.column])
            continue
        part = np.empty((_SECTOR_MOMENTUM, len(bars_of_one.rows)))
        fill_factors(bars_of_one, part)
        table[:_SECTOR_MOMENTUM, bars_of_one.column, bars_of_one.rows] = part
    _fill_sector_momentum(table, bars, sector_etf_of, benchmark)
    return _read_only(table)


def _fill_sector_momentum(
    table: Floats, bars: BarPanel, sector_etf_of: Mapping[str, str], benchmark: str
) -> None:
    if benchmark not in bars.column:
        return
    returns = table[_MOMENTUM_63D]
    for stock, etf in sector_etf_of.items():
        if stock in bars.column and etf in bars.column:
            excess = returns[bars.column[etf]] - returns[bars.column[benchmark]]
            table[_SECTOR_MOMENTUM, bars.column[stock]] = excess


def z_scores(
    raw: Floats, members: NDArray[np.bool_] | NDArray[np.intp], belongs: NDArray[np.bool_] | None = None
) -> Floats:
    """Score each factor across the members at each session, winsorized at 3 standard deviations.

    Parameters
    ----------
    raw : ndarray of float64, shape (T, N, F)
    members : ndarray of bool, shape (N,), or of int
        The columns that are compared with each other (stocks; not ETFs or the benchmark).
    belongs : ndarray of bool, shape (T, N), or None
        Which of them were in the universe at each session: only those are compared. None for all, always.

    Returns
    -------
    ndarray of float64, shape (T, N, F)
        In [-3, 3]; NaN where raw is NaN and for all others than the members of the session. 0 where all
        members are equal. Laid out like the raw factors.
    """
    columns = np.flatnonzero(members) if members.dtype == np.bool_ else members
    sessions, symbols, factors = raw.shape
    out = np.full((factors, symbols, sessions), np.nan)
    outside = None if belongs is None or belongs.all() else ~belongs[:, columns].T
    for factor in range(factors):
        values = raw[:, columns, factor].T.copy()
        if outside is not None:
            values[outside] = np.nan
        out[factor, columns] = _scored(values)
    return _read_only(out)


def _scored(values: Floats) -> Floats:
    """Score values, shape (M, T), across their first axis."""
    absent = ~np.isfinite(values)
    count = np.maximum(len(values) - absent.sum(axis=0), 1)
    values[absent] = 0.0
    values -= values.sum(axis=0) / count
    values[absent] = 0.0
    deviation = np.sqrt((values * values).sum(axis=0) / count)
    deviation[deviation == 0.0] = 1.0
    values /= deviation
    np.clip(values, -Z_LIMIT, Z_LIMIT, out=values)
    values[absent] = np.nan
    return values


def average_true_range(bars: BarPanel, sessions: int = WILDER_SESSIONS) -> Floats:
    """Compute Wilder's average true range of every symbol, shape (T, N), US dollars; NaN in warm-up and holes."""
    out = np.full(bars.close.T.shape, np.nan)
    for bars_of_one in stretches(bars):
        out[bars_of_one.column, bars_of_one.rows] = true_range(bars_of_one, sessions)
    return _read_only(out)


def _read_only(table: Floats) -> Floats:
    table.flags.writeable = False
    return table.T
