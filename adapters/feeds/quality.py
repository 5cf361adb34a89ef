"""The gate every panel passes: broken bars are masked, broken symbols left out and named, a broken feed said so.

All of it is causal: what is masked in row t, and who is left out of a view at row t, follows from rows 0..t
only, so bars that come later change no earlier view.

Rules
-----
- A bar that is incomplete, has a price that is not positive and finite, contradicts itself (high below open or
  close, low above them) or has negative volume is masked (NaN). Its symbol is left out of decisions for
  `RECENT_SESSIONS`, longer than any feature looks back; later only the hole remains.
- A close that jumps like a split (both open and close in a common split's ratio to the last close) is taken for
  an unadjusted split: that symbol is masked and left out for `RECENT_SESSIONS` from the jump on, so that
  nothing is bought or stopped out on it.
- A symbol without a bar in the last session is left out.
- The feed as a whole is at fault when the benchmark has no good bar in the last session, or more than
  `missing_symbols_max_pct` of the symbols are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from config.sectors import BENCHMARK
from config.trading import DataSettings
from core.types import BarPanel, Floats

RECENT_SESSIONS = 300
CONTRADICTION_PCT_MAX = 1e-6  # rounding of adjusted prices, not a contradiction
GAP_SESSIONS_MAX = 5
SPLIT_RATIOS = np.array([1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 10, 1 / 20, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0])
SPLIT_TOLERANCE = 0.08  # a stock moves on its split day too
THREE_FOR_TWO, THREE_FOR_TWO_TOLERANCE = 2 / 3, 0.02  # tighter: real drops of a third happen

FINE, MISSING, INCOMPLETE, PRICE, CONTRADICTION, VOLUME, SPLIT, QUARANTINED = range(8)
REASONS = {
    MISSING: "no bar",
    INCOMPLETE: "an incomplete bar",
    PRICE: "a price that is not positive",
    CONTRADICTION: "open, high, low and close that contradict each other",
    VOLUME: "negative volume",
    SPLIT: "a jump like an unadjusted split",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate says of a view: symbols left out with the reason, and what is wrong with the feed."""

    left_out: Mapping[str, str]
    feed_fault: str


class Inspection:
    """A panel that went through the gate, and the verdict for each of its rows.

    Attributes
    ----------
    panel : BarPanel
        The bars, with broken ones masked.
    notes : tuple of str
        Every broken bar's symbol, reason and first session, for the log.
    """

    def __init__(self, panel: BarPanel, codes: NDArray[np.int8], settings: DataSettings) -> None:
        self.panel = panel
        self._codes = codes
        self._settings = settings
        rows = np.arange(len(codes))[:, None]
        self._last_bad = np.maximum.accumulate(np.where((codes > MISSING) & (codes <= SPLIT), rows, -1), axis=0)
        recent = (self._last_bad >= 0) & (rows - self._last_bad < RECENT_SESSIONS)
        self._out = recent | (codes == MISSING)
        self._clean = ~self._out.any(axis=1)
        self._verdicts: dict[int, Verdict] = {}
        self.notes = _notes(panel, codes)

    def verdict(self, row: int) -> Verdict:
        """Judge a view whose last row is `row`; -1 for a view without bars."""
        if row not in self._verdicts:
            self._verdicts[row] = self._judge(row)
        return self._verdicts[row]

    def _judge(self, row: int) -> Verdict:
        if row < 0:
            return Verdict(left_out={}, feed_fault="There are no bars at or before this moment.")
        if self._clean[row] and BENCHMARK in self.panel.column:
            return Verdict(left_out={}, feed_fault="")
        out = np.flatnonzero(self._out[row])
        left_out = {self.panel.symbols[column]: self._reason(row, int(column)) for column in out}
        return Verdict(left_out=left_out, feed_fault=self._fault(row, left_out))

    def _reason(self, row: int, column: int) -> str:
        if self._codes[row, column] == MISSING:
            return f"{REASONS[MISSING]} for the session {self.panel.sessions[row]}"
        bad = self._last_bad[row, column]
        return f"{REASONS[int(self._codes[bad, column])]} (session {self.panel.sessions[bad]})"

    def _fault(self, row: int, left_out: Mapping[str, str]) -> str:
        benchmark = self.panel.column.get(BENCHMARK)
        if benchmark is None or self._codes[row, benchmark] != FINE:
            return f"{BENCHMARK} has no good bar for the session {self.panel.sessions[row]}."
        return too_many_missing(len(left_out), len(self.panel.symbols), self._settings)


def too_many_missing(missing: int, total: int, settings: DataSettings) -> str:
    """Say so when more symbols are left out than the settings allow; empty otherwise."""
    if missing <= settings.missing_symbols_max_pct * total:
        return ""
    return f"{missing} of {total} symbols are left out, more than {settings.missing_symbols_max_pct:.0%}."


def inspect(panel: BarPanel, settings: DataSettings, *, fetched_at: datetime) -> Inspection:
    """Mask broken bars and drop the session that was unfinished when the bars were fetched.

    Parameters
    ----------
    fetched_at : datetime
        When the vendor answered: a bar whose session closed later is unfinished and never a feature.
    """
    finished = panel.prefix(panel.rows_known(fetched_at))
    codes = _bar_codes(finished)
    jumps = _jumps(finished, codes, settings)
    codes[_after(jumps) & (codes != MISSING)] = QUARANTINED
    codes[jumps] = SPLIT
    broken = codes > MISSING
    if not broken.any():
        return Inspection(finished, codes, settings)
    return Inspection(_masked(finished, broken), codes, settings)


def _masked(panel: BarPanel, broken: NDArray[np.bool_]) -> BarPanel:
    return replace(
        panel,
        open=np.where(broken, np.nan, panel.open),
        high=np.where(broken, np.nan, panel.high),
        low=np.where(broken, np.nan, panel.low),
        close=np.where(broken, np.nan, panel.close),
        volume=np.where(broken, np.nan, panel.volume),
    )


def _bar_codes(panel: BarPanel) -> NDArray[np.int8]:
    """Judge each bar by itself, shape (T, N)."""
    prices = np.stack([panel.open, panel.high, panel.low, panel.close])
    absent = np.isnan(prices)
    slack = CONTRADICTION_PCT_MAX * np.abs(panel.close)
    codes = np.full(panel.close.shape, FINE, dtype=np.int8)
    with np.errstate(invalid="ignore"):  # NaN compares false, which is meant
        codes[panel.volume < 0] = VOLUME
        codes[(panel.high < prices.max(axis=0) - slack) | (panel.low > prices.min(axis=0) + slack)] = (
            CONTRADICTION
        )
        codes[(prices <= 0).any(axis=0) | np.isinf(prices).any(axis=0)] = PRICE
    codes[absent.any(axis=0) | ~np.isfinite(panel.volume)] = INCOMPLETE
    codes[absent.all(axis=0)] = MISSING
    return codes


def _after(jumps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the bars from each jump on, for RECENT_SESSIONS."""
    out = np.zeros(jumps.shape, dtype=bool)
    for row, column in np.argwhere(jumps):
        out[row : row + RECENT_SESSIONS, column] = True
    return out


def _jumps(panel: BarPanel, codes: NDArray[np.int8], settings: DataSettings) -> NDArray[np.bool_]:
    if len(codes) < 2:
        return np.zeros(codes.shape, dtype=bool)
    good = codes == FINE
    rows = np.arange(len(codes))[:, None]
    seen = np.maximum.accumulate(np.where(good, rows, -1), axis=0)
    before = np.vstack([np.full((1, codes.shape[1]), -1), seen[:-1]])
    near = good & (before >= 0) & (rows - before <= GAP_SESSIONS_MAX)
    last = np.take_along_axis(panel.close, np.maximum(before, 0), axis=0)
    closing = np.where(near, panel.close, 1.0) / np.where(near, last, 1.0)
    opening = np.where(near, panel.open, 1.0) / np.where(near, last, 1.0)
    jumped = np.maximum(closing, 1 / closing) - 1 > settings.split_jump_pct_max
    marked: NDArray[np.bool_] = near & jumped
    marked[marked] = _like_a_split(closing[marked], opening[marked])
    return marked


def _like_a_split(closing: Floats, opening: Floats) -> NDArray[np.bool_]:
    ratios = np.append(SPLIT_RATIOS, THREE_FOR_TWO)
    tolerance = np.append(np.full(len(SPLIT_RATIOS), SPLIT_TOLERANCE), THREE_FOR_TWO_TOLERANCE)
    off = [np.abs(change[:, None] / ratios - 1) <= tolerance for change in (closing, opening)]
    like: NDArray[np.bool_] = np.any(off[0] & off[1], axis=1)
    return like


def _notes(panel: BarPanel, codes: NDArray[np.int8]) -> tuple[str, ...]:
    said = []
    for code in range(INCOMPLETE, SPLIT + 1):
        bad = codes == code
        for column in np.flatnonzero(bad.any(axis=0)):
            rows = np.flatnonzero(bad[:, column])
            since = panel.sessions[rows[0]]
            said.append(f"{panel.symbols[column]}: {REASONS[code]} in {len(rows)} sessions, first {since}")
    return tuple(said)
