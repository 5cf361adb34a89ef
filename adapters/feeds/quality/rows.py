"""A vendor's rows of many symbols as it gave them, and the same as series to measure on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from core.types import Floats

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
OPEN, HIGH, LOW, CLOSE = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRows:
    """Daily bars of many symbols with their corporate actions, in any order.

    Attributes
    ----------
    columns : ndarray of int, shape (n,)
        Each row's symbol, as an index.
    sessions : ndarray of datetime64[D], shape (n,)
        Each row's session date.
    prices : ndarray of float64, shape (n, 4)
        Open, high, low, close in US dollars, adjusted for splits only (or for all, without `adj_close`).
    volume : ndarray of float64, shape (n,)
        Shares.
    adj_close : ndarray of float64, shape (n,)
        The close adjusted for dividends too; the close itself where the vendor gives no other.
    dividend, capital_gain : ndarray of float64, shape (n,)
        Cash a share, in US dollars, on the ex-date; 0 without.
    split : ndarray of float64, shape (n,)
        New shares for one old share, on the ex-date; 0 without.
    """

    columns: Rows
    sessions: NDArray[np.datetime64]
    prices: Floats
    volume: Floats
    adj_close: Floats
    dividend: Floats
    capital_gain: Floats
    split: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with a vendor's rows, and what was done about it.

    Attributes
    ----------
    column : int
        The symbol, as an index.
    session : datetime.date
        The session where it begins.
    message : str
        What is wrong and what was done.
    """

    column: int
    session: date
    message: str


@dataclass(slots=True, kw_only=True)
class Series:
    """The rows that hold a price, symbol behind symbol, each in the order of its sessions.

    Attributes
    ----------
    at : ndarray of int, shape (m,)
        Where each row stands in the vendor's rows.
    columns, sessions : ndarray, shape (m,)
        As in `VendorRows`.
    prices : ndarray of float64, shape (m, 4)
        As in `VendorRows`; repairs write here.
    volume, factor, dividend, capital_gain, split : ndarray of float64, shape (m,)
        As in `VendorRows`; `factor` is adj_close / close. Repairs write to the first two.
    first : ndarray of bool, shape (m,)
        Whether the row is its symbol's first.
    findings : list of Finding
        What was found so far.
    """

    at: Rows
    columns: Rows
    sessions: NDArray[np.datetime64]
    prices: Floats
    volume: Floats
    factor: Floats
    dividend: Floats
    capital_gain: Floats
    split: Floats
    first: Flags
    findings: list[Finding]

    def report(self, row: int, message: str) -> None:
        """Keep a finding that begins at a row."""
        session: date = self.sessions[row].astype("datetime64[D]").astype(object)
        self.findings.append(Finding(column=int(self.columns[row]), session=session, message=message))

    def before(self) -> Floats:
        """Give each row's previous close, in US dollars; NaN in a symbol's first row."""
        out = np.full(len(self.at), np.nan)
        out[1:] = self.prices[:-1, CLOSE]
        out[self.first] = np.nan
        return out

    def without(self, dropped: Flags) -> Series:
        """Give the series without some rows; what was paid on one of them counts for the next."""
        if not dropped.any():
            return self
        kept = np.flatnonzero(~dropped)
        after = np.searchsorted(kept, np.flatnonzero(dropped))
        usable = after < len(kept)
        lost, after = np.flatnonzero(dropped)[usable], after[usable]
        own = self.columns[lost] == self.columns[kept[after]]
        paid, gains = self.dividend[kept], self.capital_gain[kept]
        np.add.at(paid, after[own], self.dividend[lost[own]])
        np.add.at(gains, after[own], self.capital_gain[lost[own]])
        columns = self.columns[kept]
        return replace(
            self, at=self.at[kept], columns=columns, sessions=self.sessions[kept], prices=self.prices[kept],
            volume=self.volume[kept], factor=self.factor[kept], dividend=paid, capital_gain=gains,
            split=self.split[kept], first=_first(columns),
        )  # fmt: skip

    def bounds(self, row: int) -> tuple[int, int]:
        """Give the first row of a row's symbol and the row after its last."""
        column = self.columns[row]
        return int(np.searchsorted(self.columns, column)), int(
            np.searchsorted(self.columns, column, side="right")
        )


def to_series(rows: VendorRows) -> Series:
    """Sort the rows that hold a price into series; a row without one, or of a disputed session, is passed over.

    Notes
    -----
    An adjusted close that is missing takes the factor of the next row that has one, or 1.
    """
    order = np.lexsort((rows.sessions, rows.columns))
    priced = np.isfinite(rows.prices[order]).all(axis=1) & (rows.prices[order] > 0).all(axis=1)
    at = order[priced & ~_disputed(rows, order)]
    columns = rows.columns[at]
    close = rows.prices[at, CLOSE]
    return Series(
        at=at, columns=columns, sessions=rows.sessions[at].astype("datetime64[D]"), prices=rows.prices[at].copy(),
        volume=rows.volume[at].copy(), factor=_filled(rows.adj_close[at] / close, columns),
        dividend=_amount(rows.dividend[at]), capital_gain=_amount(rows.capital_gain[at]),
        split=_amount(rows.split[at]), first=_first(columns), findings=[],
    )  # fmt: skip


def _first(columns: Rows) -> Flags:
    return np.concatenate([np.ones(min(len(columns), 1), dtype=bool), np.diff(columns) != 0])


def _disputed(rows: VendorRows, order: Rows) -> Flags:
    """Mark, in sorted order, the rows of one session that differ: nothing says which is right."""
    columns, sessions, prices = rows.columns[order], rows.sessions[order], rows.prices[order]
    twin = (np.diff(columns) == 0) & (np.diff(sessions) == np.timedelta64(0, "D"))
    differ = twin & (prices[1:] != prices[:-1]).any(axis=1)
    out = np.zeros(len(order), dtype=bool)
    out[1:] |= differ
    out[:-1] |= differ
    return out


def _amount(values: Floats) -> Floats:
    return np.where(np.isfinite(values) & (values > 0), values, 0.0)


def _filled(factor: Floats, columns: Rows) -> Floats:
    """Take a missing factor from the symbol's next row that has one."""
    missing = ~np.isfinite(factor)
    if not missing.any():
        return factor
    rows = np.arange(len(factor))
    after = np.minimum.accumulate(np.where(missing, len(factor), rows)[::-1])[::-1]
    usable = after < len(factor)
    source = np.minimum(after, len(factor) - 1)
    usable &= columns[source] == columns
    return np.where(missing, np.where(usable, factor[source], 1.0), factor)
