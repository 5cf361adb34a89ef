"""The market's regime: an HMM refitted on a calendar's schedule and filtered forward in between."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from config.trading import RegimeSettings
from core.errors import DataError
from core.types import Abstention, BarPanel, Floats, Regime
from core.universe import BENCHMARK
from models.regime.hmm import STATES, HiddenMarkovModel, fit, forward_filter, observations

EPOCH = np.datetime64("2000-01-03", "D")
HISTORY_SESSIONS_MIN = 252
FITS_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Anchored:
    """A fit, and what was believed at the session it was made on."""

    model: HiddenMarkovModel
    model_id: str
    belief: Floats


class RegimeTracker:
    """Says which regime the market is in, from the past only.

    The model is refitted on the first session of each period of `refit_sessions` weekdays counted from
    2000-01-03, on the `window_sessions` sessions up to it. The schedule knows the calendar only and the window
    is fixed, so a backtest and a daemon with a shorter history of the same bars agree. Between refits the
    filter goes forward. For one thread.

    Parameters
    ----------
    settings : RegimeSettings
    """

    def __init__(self, settings: RegimeSettings) -> None:
        self._settings = settings
        self._fits: OrderedDict[bytes, _Anchored] = OrderedDict()

    def scaled(self, settings: RegimeSettings) -> RegimeTracker:
        """Return the tracker of these settings: with the same fits where only the exposure's scale differs."""
        if settings == self._settings:
            return self
        tracker = RegimeTracker(settings)
        scale = {"high_vol_exposure_scale": self._settings.high_vol_exposure_scale}
        if settings.model_copy(update=scale) == self._settings:
            tracker._fits = self._fits
        return tracker

    def at(self, bars: BarPanel, benchmark: str = BENCHMARK) -> Regime | Abstention:
        """Give the regime at the last session of `bars`, or say why there is none."""
        try:
            rows = _rows_with_bars(bars, benchmark)
            anchor = self._anchor(bars.sessions[rows])
            fitted = self._fitted(bars, benchmark, rows, anchor)
            return self._regime(fitted, self._belief(fitted, bars, benchmark, rows[anchor:]), bars)
        except DataError as error:
            return Abstention(agent="regime", reason=error.message)

    def _anchor(self, sessions: NDArray[np.datetime64]) -> int:
        """Index of the first session in the last session's period."""
        periods = np.busday_count(EPOCH, sessions.astype("datetime64[D]")) // self._settings.refit_sessions
        return int(np.searchsorted(periods, periods[-1]))

    def _fitted(self, bars: BarPanel, benchmark: str, rows: NDArray[np.intp], anchor: int) -> _Anchored:
        need = HISTORY_SESSIONS_MIN + self._settings.volatility_sessions
        if anchor + 1 < need:
            raise DataError(f"{benchmark} has {anchor + 1} sessions before the last refit, {need} are needed")
        key = bars.prefix(int(rows[anchor]) + 1).digest + benchmark.encode()
        if key not in self._fits:
            first = max(0, anchor + 1 - self._settings.window_sessions - self._settings.volatility_sessions)
            close = bars.close[rows[first : anchor + 1], bars.column[benchmark]]
            self._fits[key] = self._fit(close, bars.sessions[rows[anchor]])
            if len(self._fits) > FITS_MAX:
                self._fits.popitem(last=False)
        return self._fits[key]

    def _belief(self, fitted: _Anchored, bars: BarPanel, benchmark: str, since: NDArray[np.intp]) -> Floats:
        """Go forward from the refit's session (the first of `since`) to the last."""
        if len(since) == 1:
            return fitted.belief
        closes = bars.close[: since[-1] + 1, bars.column[benchmark]]
        usable = closes[closes > 0][-(len(since) - 1 + self._settings.volatility_sessions) :]
        observed = observations(usable, self._settings.volatility_sessions)
        if not np.isfinite(observed).all():
            raise DataError(
                f"{benchmark}'s prices have not moved for {self._settings.volatility_sessions} sessions"
            )
        return cast(Floats, forward_filter(fitted.model, observed, fitted.belief)[-1])

    def _fit(self, close: Floats, session: np.datetime64) -> _Anchored:
        observed = observations(close, self._settings.volatility_sessions)
        model = fit(observed, restarts=self._settings.restarts, seed=self._settings.seed)
        return _Anchored(
            model=model,
            model_id=f"regime-hmm-{str(session)[:10].replace('-', '')}-{model.fingerprint()}",
            belief=forward_filter(model, observed)[-1],
        )

    def _regime(self, fitted: _Anchored, belief: Floats, bars: BarPanel) -> Regime:
        likely = np.exp(belief)
        likely /= likely.sum()
        calm, stormy = (float(p) for p in likely)
        stamp = bars.known_at[-1].astype("datetime64[us]").astype(datetime)
        return Regime(
            name=STATES[int(stormy > calm)],
            probabilities=dict(zip(STATES, (calm, stormy), strict=True)),
            as_of=stamp.replace(tzinfo=UTC),
            exposure_scale=min(1.0, calm + stormy * self._settings.high_vol_exposure_scale),
            model_id=fitted.model_id,
        )


def _rows_with_bars(bars: BarPanel, benchmark: str) -> NDArray[np.intp]:
    """Find the sessions the benchmark has bars in; a DataError if the last one is not among them."""
    column = bars.column.get(benchmark)
    if column is None or not len(bars.sessions):
        raise DataError(f"there are no bars of {benchmark}")
    rows = np.flatnonzero(bars.close[:, column] > 0)
    if not rows.size or rows[-1] != len(bars.sessions) - 1:
        raise DataError(f"{benchmark} has no bar in the last session")
    return rows
