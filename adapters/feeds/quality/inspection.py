"""The gate every panel passes: broken bars are masked, broken symbols left out and named, a broken feed said so.

All of it is causal: what is masked in row t, and who is left out of a view at row t, follows from rows 0..t
only, so bars that come later change no earlier view.

Rules
-----
- A bar whose open or close lies outside its range by a per cent at most, or whose open alone does by five, has
  its range widened, and is noted.
- A bar that is incomplete, has a price that is not positive and finite, contradicts itself by more or has
  negative volume is masked (NaN). Its symbol is left out of decisions for `RECENT_SESSIONS`, longer than any
  feature looks back; later only the hole remains.
- A bar whose open and close jump by a hundred, or far beyond the stock's usual moves without the range and the
  volume of a real one, is taken for prices of another scale: that symbol is masked and left out for
  `RECENT_SESSIONS` from the jump on, so that nothing is bought or stopped out on it. (What `restate` could repair
  with the whole history at hand never comes here.)
- A symbol without a bar in the last session is left out.
- The feed as a whole is at fault when the benchmark has no good bar in the last session, or more than
  `missing_symbols_max_pct` of the members are left out. One whose listing ended (no bar for ten sessions)
  counts no more, unless as many fell silent at once as would be a fault: then it is the vendor that is silent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from adapters.feeds.ended_listings import SILENT_SESSIONS
from adapters.feeds.quality.bars import (
    FINE,
    INCOMPLETE,
    JUMP,
    MISSING,
    QUARANTINED,
    REASONS,
    Codes,
    bar_codes,
    widened,
)
from adapters.feeds.quality.jumps import find_jumps
from adapters.feeds.quality.rows import Flags
from config.trading import DataSettings
from core.types import BarPanel
from core.universe import BENCHMARK

RECENT_SESSIONS = 300
NAMED_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuality:
    """What the gate says of a view: symbols left out with the reason, and what is wrong with the feed."""

    left_out: Mapping[str, str]
    feed_fault: str


class Inspection:
    """A panel that went through the gate, and the quality of each of its rows.

    Attributes
    ----------
    panel : BarPanel
        The bars, with broken ones masked.
    notes : tuple of str
        Every broken bar's symbol, reason and first session, and who had ranges widened, for the log.
    """

    def __init__(self, panel: BarPanel, codes: Codes, settings: DataSettings, *, wide: Flags) -> None:
        self.panel = panel
        self._codes = codes
        self._settings = settings
        rows = np.arange(len(codes))[:, None]
        self._last_bad = np.maximum.accumulate(np.where((codes > MISSING) & (codes <= JUMP), rows, -1), axis=0)
        recent = (self._last_bad >= 0) & (rows - self._last_bad < RECENT_SESSIONS)
        self._out = recent | (codes == MISSING)
        self._clean = ~self._out.any(axis=1)
        self._rows: dict[int, RowQuality] = {}
        self.notes = (*_notes(panel, codes), *_note_widened(panel, wide))

    def row_quality(self, row: int) -> RowQuality:
        """Judge a view whose last row is `row`; -1 for a view without bars."""
        if row not in self._rows:
            self._rows[row] = self._inspect_row(row)
        return self._rows[row]

    def _inspect_row(self, row: int) -> RowQuality:
        if row < 0:
            return RowQuality(left_out={}, feed_fault="There are no bars at or before this moment.")
        if self._clean[row] and BENCHMARK in self.panel.column:
            return RowQuality(left_out={}, feed_fault="")
        out = np.flatnonzero(self._out[row])
        left_out = {self.panel.symbols[column]: self._reason(row, int(column)) for column in out}
        return RowQuality(left_out=left_out, feed_fault=self._fault(row, left_out))

    def _reason(self, row: int, column: int) -> str:
        if self._codes[row, column] == MISSING:
            return f"{REASONS[MISSING]} for the session {self.panel.sessions[row]}"
        bad = self._last_bad[row, column]
        return f"{REASONS[int(self._codes[bad, column])]} (session {self.panel.sessions[bad]})"

    def _fault(self, row: int, left_out: Mapping[str, str]) -> str:
        benchmark = self.panel.column.get(BENCHMARK)
        if benchmark is None or self._codes[row, benchmark] != FINE:
            return f"{BENCHMARK} has no good bar for the session {self.panel.sessions[row]}."
        belongs = self.panel.member[row]
        out = [column for name in left_out if belongs[column := self.panel.column[name]]]
        ended = self._ended(row, out)
        return too_many_missing(len(out) - ended, int(belongs.sum()) - ended, self._settings)

    def _ended(self, row: int, columns: Sequence[int]) -> int:
        """Count the listings among some columns that have ended by a row."""
        last = Counter(
            int(seen[-1])
            for column in columns
            if len(seen := np.flatnonzero(self._codes[: row + 1, column] != MISSING))
            and row - seen[-1] >= SILENT_SESSIONS
        )
        together_max = max(1.0, self._settings.missing_symbols_max_pct * len(self.panel.symbols))
        return sum(count for count in last.values() if count <= together_max)


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
    finished, wide = widened(panel.prefix(panel.rows_known(fetched_at)))
    codes = bar_codes(finished)
    jumps = find_jumps(finished, codes == FINE, float(np.log1p(settings.split_jump_pct_max)))
    codes[_after(jumps) & (codes != MISSING)] = QUARANTINED
    codes[jumps] = JUMP
    broken = codes > MISSING
    return Inspection(_masked(finished, broken) if broken.any() else finished, codes, settings, wide=wide)


def _masked(panel: BarPanel, broken: Flags) -> BarPanel:
    return replace(
        panel,
        open=np.where(broken, np.nan, panel.open),
        high=np.where(broken, np.nan, panel.high),
        low=np.where(broken, np.nan, panel.low),
        close=np.where(broken, np.nan, panel.close),
        volume=np.where(broken, np.nan, panel.volume),
    )


def _after(jumps: Flags) -> Flags:
    """Mark the bars from each jump on, for RECENT_SESSIONS."""
    out = np.zeros(jumps.shape, dtype=bool)
    for row, column in np.argwhere(jumps):
        out[row : row + RECENT_SESSIONS, column] = True
    return out


def _notes(panel: BarPanel, codes: Codes) -> tuple[str, ...]:
    said = []
    for code in range(INCOMPLETE, JUMP + 1):
        bad = codes == code
        for column in np.flatnonzero(bad.any(axis=0)):
            rows = np.flatnonzero(bad[:, column])
            since = panel.sessions[rows[0]]
            said.append(f"{panel.symbols[column]}: {REASONS[code]} in {len(rows)} sessions, first {since}")
    return tuple(said)


def _note_widened(panel: BarPanel, wide: Flags) -> tuple[str, ...]:
    """Say in one line who had ranges widened: Yahoo gives such bars every day."""
    columns = np.flatnonzero(wide.any(axis=0))
    if not len(columns):
        return ()
    names = ", ".join(panel.symbols[column] for column in columns[:NAMED_MAX])
    more = f" and {len(columns) - NAMED_MAX} more" if len(columns) > NAMED_MAX else ""
    return (f"{names}{more}: open or close a little outside the range in {wide.sum()} bars, the range widened",)
