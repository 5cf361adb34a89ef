"""Factors by content: computed once a panel, looked up for each of its prefixes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import DataError
from core.types import BarPanel, Floats
from core.universe import BENCHMARK
from models.factors.table import average_true_range, raw_factors, z_scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorRow:
    """The factors at a panel's last session.

    Attributes
    ----------
    raw, z : ndarray of float64, shape (N, 13)
        Factors, and their scores across the stocks; in the order of `FACTOR_NAMES`.
    atr : ndarray of float64, shape (N,)
        Average true range over 14 bars, US dollars.
    """

    raw: Floats
    z: Floats
    atr: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorTable:
    """The factors at every session of a panel.

    Attributes
    ----------
    raw : ndarray of float64, shape (T - raw_first, N, 13)
    z : ndarray of float64, shape (T, N, 13)
    atr : ndarray of float64, shape (T, N)
    raw_first : int
        The first session whose raw factors are kept.
    """

    raw: Floats
    z: Floats
    atr: Floats
    raw_first: int = 0

    def head(self, rows: int) -> FactorTable:
        """Give the first `rows` sessions without copying."""
        raw = self.raw[: max(rows - self.raw_first, 0)]
        return FactorTable(raw=raw, z=self.z[:rows], atr=self.atr[:rows], raw_first=self.raw_first)

    def row(self, index: int) -> FactorRow:
        """Give one session's factors, copied side by side."""
        raw = self.raw[index - self.raw_first]
        return FactorRow(raw=_copied(raw), z=_copied(self.z[index]), atr=_copied(self.atr[index]))


def _copied(array: Floats) -> Floats:
    out = np.array(array, order="C")
    out.flags.writeable = False
    return out


class FactorStore:
    """Computes a panel's factors once and finds them again by the digest of any of its prefixes.

    That a prefix may read the full panel's table rests on the factors being causal. For one thread.

    Parameters
    ----------
    sector_etf_of : mapping of str to str
        Each stock's sector ETF; its keys are the members that are scored against each other.
    panels_max : int
        How many panels are kept; the one not used for longest goes first.
    raw_sessions : int or None
        Of how many of a panel's last sessions the raw factors are kept, half of the memory; those of an earlier
        one are computed again when it is asked for. None for all.
    """

    def __init__(
        self,
        sector_etf_of: Mapping[str, str],
        benchmark: str = BENCHMARK,
        *,
        panels_max: int = 3,
        raw_sessions: int | None = None,
    ) -> None:
        self._sector_etf_of = sector_etf_of
        self._benchmark = benchmark
        self._panels_max = panels_max
        self._raw_sessions = raw_sessions
        self._tables: OrderedDict[bytes, FactorTable] = OrderedDict()
        self._home: dict[bytes, bytes] = {}

    def prepare(self, panel: BarPanel) -> None:
        """Compute a panel's factors now, so that each of its prefixes is a look-up."""
        self._find(panel)

    def at(self, bars: BarPanel) -> FactorRow:
        """Give the factors at the last session of `bars`.

        Raises
        ------
        DataError
            When the panel holds no session.
        """
        row, table = len(bars.sessions) - 1, self._find(bars)
        if row < table.raw_first:
            table = self._tables[self._compute(bars)]
        return table.row(row)

    def history(self, bars: BarPanel) -> FactorTable:
        """Give the factors at every session of `bars`."""
        return self._find(bars).head(len(bars.sessions))

    def _find(self, bars: BarPanel) -> FactorTable:
        if not len(bars.sessions):
            raise DataError("There are no bars to compute factors from.", hint="Check the feed's history.")
        home = self._home.get(bars.digest)
        if home is None:
            home = self._compute(bars)
        self._tables.move_to_end(home)
        return self._tables[home]

    def _compute(self, bars: BarPanel) -> bytes:
        while len(self._tables) >= self._panels_max:  # before: two at a time may be more than there is room for
            gone, _ = self._tables.popitem(last=False)
            self._home = {digest: kept for digest, kept in self._home.items() if kept != gone}
        raw = raw_factors(bars, self._sector_etf_of, self._benchmark)
        members = np.array([name in self._sector_etf_of for name in bars.symbols], dtype=np.bool_)
        home, z = bars.digest, z_scores(raw, members, bars.member)
        first = max(0, len(raw) - (self._raw_sessions or len(raw)))
        if first:
            raw = _copied(raw[first:])
        self._tables[home] = FactorTable(raw=raw, z=z, atr=average_true_range(bars), raw_first=first)
        self._home.update(dict.fromkeys(bars.row_digests[: len(bars.sessions)], home))
        return home
