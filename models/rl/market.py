"""Observations and returns of a policy: windows of factors, the regime, and returns from the next price on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.types import Abstention, BarPanel, Floats
from models.factors.table import FACTOR_NAMES
from models.regime.tracker import RegimeTracker

LOOK_AHEAD_SESSIONS = 2
HIGH_VOLATILITY = "high_vol"
Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RlMarket:
    """Some tickers over some sessions.

    Attributes
    ----------
    tickers : tuple of str, length S
    sessions : ndarray of datetime64[D], shape (T,)
    features : ndarray of float32, shape (S, T, 13 * window + 1)
        The last `window` sessions' factor z-scores in [-3, 3], oldest first, then the probability of the
        high-volatility regime. Zeros where not known.
    known : ndarray of bool, shape (S, T)
        Whether every feature is there.
    returns : ndarray of float64, shape (S, T)
        What a long position decided after a session earns: from the next open to the one after it. NaN where
        one of them is missing, so in the last two sessions of a panel.
    """

    tickers: tuple[str, ...]
    sessions: NDArray[np.datetime64]
    features: Features
    known: NDArray[np.bool_]
    returns: Floats

    @property
    def priced(self) -> NDArray[np.bool_]:
        """Where a position can be taken and its return is known, shape (S, T)."""
        return self.known & np.isfinite(self.returns)

    def part(self, first: int, end: int) -> RlMarket:
        """Return the sessions from row `first` up to `end`, which is left out."""
        return RlMarket(
            tickers=self.tickers,
            sessions=self.sessions[first:end],
            features=np.ascontiguousarray(self.features[:, first:end]),
            known=np.ascontiguousarray(self.known[:, first:end]),
            returns=np.ascontiguousarray(self.returns[:, first:end]),
        )


def make_market(
    bars: BarPanel,
    z: Floats,
    high_volatility: Floats,
    tickers: Sequence[str],
    window_sessions: int,
    first: int = 0,
) -> RlMarket:
    """Lay out the market of some tickers from row `first` of a panel on.

    Parameters
    ----------
    z : ndarray of float64, shape (T, N, 13)
        The panel's factor scores.
    high_volatility : ndarray of float64, shape (T,)
        Probability of the high-volatility regime after each session; NaN where there is none.
    """
    columns = np.array([bars.column[ticker] for ticker in tickers], dtype=np.intp)
    pad = max(0, window_sessions - 1 - first)
    scores = np.full((pad + len(z) - max(0, first - window_sessions + 1), len(columns), z.shape[2]), np.nan)
    scores[pad:] = z[max(0, first - window_sessions + 1) :, columns]
    windows = sliding_window_view(scores.transpose(1, 0, 2), window_sessions, axis=1).swapaxes(2, 3)
    rows = windows.shape[1]
    features = np.empty((len(columns), rows, window_sessions * len(FACTOR_NAMES) + 1), dtype=np.float32)
    features[:, :, :-1] = windows.reshape(len(columns), rows, -1)
    features[:, :, -1] = high_volatility[first:]
    known: NDArray[np.bool_] = np.asarray(np.isfinite(features).all(axis=2))
    features[~known] = 0.0
    return RlMarket(
        tickers=tuple(tickers),
        sessions=bars.sessions[first:],
        features=features,
        known=known,
        returns=np.ascontiguousarray(next_returns(bars.open[first:, columns]).T),
    )


def next_returns(opens: Floats) -> Floats:
    """Return what a position decided after each session earns from the next open to the one after.

    Parameters
    ----------
    opens : ndarray of float64, shape (T, S)

    Returns
    -------
    ndarray of float64, shape (T, S)
        Fractions; NaN in the last two rows.
    """
    out = np.full(opens.shape, np.nan)
    out[:-LOOK_AHEAD_SESSIONS] = opens[LOOK_AHEAD_SESSIONS:] / opens[1:-1] - 1
    return out


class HighVolatilityHistory:
    """Remembers the probability of the high-volatility regime by session, so that each is computed once."""

    SESSIONS_KEPT = 4096

    def __init__(self, tracker: RegimeTracker) -> None:
        self._tracker = tracker
        self._known: dict[bytes, float] = {}

    def of(self, bars: BarPanel, first: int = 0) -> Floats:
        """Return the probability after each session, shape (T,); NaN before row `first` and where none is."""
        out = np.full(len(bars.sessions), np.nan)
        for row in range(first, len(out)):
            out[row] = self._at(bars.prefix(row + 1))
        return out

    def _at(self, bars: BarPanel) -> float:
        key = bars.digest
        if key not in self._known:
            regime = self._tracker.at(bars)
            self._known[key] = np.nan if isinstance(regime, Abstention) else regime.probabilities[HIGH_VOLATILITY]
            if len(self._known) > self.SESSIONS_KEPT:
                self._known.pop(next(iter(self._known)))
        return self._known[key]
