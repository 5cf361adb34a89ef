"""A vendor's rows as it should have given them: on one scale, and total return by the dividends paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.quality.adjustment import repair_adjustment
from adapters.feeds.quality.cells import repair_cells
from adapters.feeds.quality.rows import CLOSE, Finding, VendorRows, to_series
from adapters.feeds.quality.scale import repair_scale
from adapters.feeds.quality.spikes import find_spikes
from core.types import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """What became of a vendor's rows.

    Attributes
    ----------
    table : ndarray of float64, shape (n, 5)
        Open, high, low, close (total return) and volume, in the order of the rows. A bar that is certainly wrong
        but not certainly repaired has no price; one whose adjustment is doubtful has no close, so that the gate
        leaves its symbol out.
    findings : sequence of Finding
        What was wrong, symbol by symbol.
    """

    table: Floats
    findings: Sequence[Finding]

    def notes(self, symbols: Sequence[str]) -> dict[str, str]:
        """Give the findings as text by symbol, the first few of each."""
        messages: dict[str, list[str]] = {}
        for finding in self.findings:
            messages.setdefault(symbols[finding.column], []).append(f"{finding.session}: {finding.message}")
        return {name: "; ".join(said[:5]) + (f" and {len(said) - 5} more" if len(said) > 5 else "")
                for name, said in messages.items()}  # fmt: skip


def restate(rows: VendorRows) -> Restated:
    """Repair a vendor's rows where that is certain, and leave out what is not.

    Notes
    -----
    It looks at the whole history, as the vendor's own adjustment for splits and dividends does: what came after a
    jump helps to know it from a real move. What it changes before a jump is a constant factor, which no return
    contains. Rows without a fault come out bit for bit as adj_close / close times the prices.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a close of zero is for the gate to name
        factor = rows.adj_close / rows.prices[:, CLOSE]
    series = to_series(rows)
    table = np.column_stack([rows.prices * factor[:, None], rows.volume])
    repair_cells(series)
    for find in (repair_scale, find_spikes):
        left_out = find(series)
        table[series.at[left_out]] = np.nan
        series = series.without(left_out)
    doubtful = repair_adjustment(series)
    table[series.at] = np.column_stack([series.prices * series.factor[:, None], series.volume])
    table[series.at[doubtful], CLOSE] = np.nan
    return Restated(table=table, findings=tuple(sorted(series.findings, key=lambda f: (f.column, f.session))))


def restate_tables(
    by_symbol: Mapping[str, tuple[NDArray[np.datetime64], Floats]],
) -> tuple[dict[str, tuple[NDArray[np.datetime64], Floats]], dict[str, str]]:
    """Restate tables by symbol, and say by symbol what was wrong.

    Parameters
    ----------
    by_symbol : mapping of str to (sessions, table)
        Tables of shape (n, 9): open, high, low, close, volume, adj_close, dividend, capital_gain, split as in
        `VendorRows`; or (n, 5) without the last four where the vendor gives none.

    Returns
    -------
    dict of str to (sessions, table)
        The same rows in the same order, tables of shape (n, 5), total return.
    dict of str to str
        The findings of each symbol that has any.
    """
    names = list(by_symbol)
    if not names:
        return {}, {}
    sessions = [days for days, _ in by_symbol.values()]
    table = np.concatenate([_whole(values) for _, values in by_symbol.values()])
    rows = VendorRows(
        columns=np.repeat(np.arange(len(names)), [len(days) for days in sessions]),
        sessions=np.concatenate(sessions), prices=table[:, :4], volume=table[:, 4], adj_close=table[:, 5],
        dividend=table[:, 6], capital_gain=table[:, 7], split=table[:, 8],
    )  # fmt: skip
    restated = restate(rows)
    parts = np.split(restated.table, np.cumsum([len(days) for days in sessions])[:-1])
    return dict(zip(names, zip(sessions, parts, strict=True), strict=True)), restated.notes(names)


def _whole(table: Floats) -> Floats:
    """Give a table nine columns: without its own, the adjusted close is the close and nothing was paid."""
    if table.shape[1] > CLOSE + 2:
        return table
    return np.column_stack([table, table[:, CLOSE], np.zeros((len(table), 3))])
