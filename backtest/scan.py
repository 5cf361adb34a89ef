"""Whether the sector scan points at anything: what its picks did afterwards, against universe and index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.intervals import Interval, overlapping_mean_interval
from analysis.significance import Permutation, rank_ic_permutation
from backtest.spans import SessionRange
from core.market import Floats

RESAMPLES = 2000
SECTORS_MIN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanHistory:
    """The scan's scores and picks at each close, and what followed.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    picked : ndarray of bool, shape (T, N)
        The hot sectors' picks.
    forward : ndarray of float64, shape (T, N)
        Each stock's return from the next open over the horizon; NaN where it is not known.
    index_forward : ndarray of float64, shape (T,)
        The index fund's.
    scores, sector_forward : ndarray of float64, shape (T, S)
        Each sector's score, and its ETF's return.
    """

    sessions: NDArray[np.datetime64]
    picked: NDArray[np.bool_]
    forward: Floats
    index_forward: Floats
    scores: Floats
    sector_forward: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """How much better the picks did than something else.

    Attributes
    ----------
    mean : float
        Mean over the scans, a fraction a horizon.
    interval : Interval or None
        95 % by `overlapping_mean_interval`, since neighbouring scans share most of their days.
    hit_rate : float
        Share of the scans after which the picks did better, in [0, 1].
    """

    mean: float
    interval: Interval | None
    hit_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWindow:
    """The scan's figures over some sessions.

    Attributes
    ----------
    scans : int
        Sessions whose horizon has ended.
    picks_mean : float
        Names picked by a scan.
    picks_return, universe_return, index_return : float
        Mean return over the horizon.
    pick_hit_rate : float
        Share of all single picks that beat the universe's mean, in [0, 1].
    sector_rank_ic : Permutation or None
        Of the sectors' scores with their ETFs' returns.
    """

    name: str
    first: str
    last: str
    scans: int
    picks_mean: float
    picks_return: float
    universe_return: float
    index_return: float
    over_universe: Excess
    over_index: Excess
    pick_hit_rate: float
    sector_rank_ic: Permutation | None


def measure_scan(history: ScanHistory, rows: SessionRange, horizon_sessions: int, seed: int) -> ScanWindow | None:
    """Measure a window of the scan's history; None where no scan has both picks and an ended horizon."""
    cut = slice(rows.first, rows.last + 1)
    known = np.isfinite(history.forward[cut])
    picked = history.picked[cut] & known
    known_scans = picked.any(axis=1) & np.isfinite(history.index_forward[cut])
    if not known_scans.any():
        return None
    known, picked = known[known_scans], picked[known_scans]
    forward = np.where(known, history.forward[cut][known_scans], 0.0)
    universe = forward.sum(axis=1) / known.sum(axis=1)
    picks = np.where(picked, forward, 0.0).sum(axis=1) / picked.sum(axis=1)
    index, days = history.index_forward[cut][known_scans], history.sessions[cut][known_scans]
    rng = np.random.default_rng([seed, rows.first])
    return ScanWindow(
        name=rows.name,
        first=str(days[0]),
        last=str(days[-1]),
        scans=len(days),
        picks_mean=float(picked.sum(axis=1).mean()),
        picks_return=float(picks.mean()),
        universe_return=float(universe.mean()),
        index_return=float(index.mean()),
        over_universe=_excess(picks - universe, horizon_sessions, rng),
        over_index=_excess(picks - index, horizon_sessions, rng),
        pick_hit_rate=float((forward > universe[:, None])[picked].mean()),
        sector_rank_ic=rank_ic_permutation(
            history.scores[cut], history.sector_forward[cut], names_min=SECTORS_MIN
        ),
    )


def by_year(history: ScanHistory, horizon_sessions: int, seed: int) -> tuple[ScanWindow, ...]:
    """Measure each calendar year by the session of the scan; the first session is none of them, as in a run."""
    years = history.sessions.astype("datetime64[Y]").astype(int) + 1970
    windows = []
    for year in np.unique(years):
        inside = np.flatnonzero(years[1:] == year) + 1
        if not len(inside):
            continue
        rows = SessionRange(str(year), int(inside[0]), int(inside[-1]))
        windows.append(measure_scan(history, rows, horizon_sessions, seed))
    return tuple(window for window in windows if window is not None)


def forward_from_open(open_: Floats, horizon_sessions: int) -> Floats:
    """Return from the next session's open over the horizon, open to open, (T, N); NaN where either is missing."""
    out = np.full(open_.shape, np.nan)
    if len(open_) > horizon_sessions + 1:
        out[: -horizon_sessions - 1] = open_[horizon_sessions + 1 :] / open_[1:-horizon_sessions] - 1.0
    return out


def _excess(difference: Floats, horizon_sessions: int, rng: np.random.Generator) -> Excess:
    interval = overlapping_mean_interval(difference, horizon_sessions, rng, resamples=RESAMPLES)
    return Excess(mean=float(difference.mean()), interval=interval, hit_rate=float(np.mean(difference > 0)))
