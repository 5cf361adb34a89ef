"""Daily bars as rows: what a vendor gives, what the cache keeps, and what is assembled into a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.types import CorporateAction, Floats

DAY = "datetime64[D]"


class SymbolBars(NamedTuple):
    """One symbol's daily bars, a row a session.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (n,)
        Each row's session date.
    table : ndarray of float64, shape (n, 5)
        Open, high, low, close in US dollars and volume in shares; adjusted for splits and dividends.
    """

    sessions: NDArray[np.datetime64]
    table: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRows:
    """Daily bars of several symbols, and what was odd about them.

    Attributes
    ----------
    by_symbol : mapping of str to SymbolBars
        A symbol not had is left out.
    notes : mapping of str to str
        What was odd: by symbol, or by the source's own name for the whole.
    actions : mapping of str to tuple of CorporateAction
        By symbol what the vendor lists within these sessions.
    traded_closes : mapping of str to float
        By symbol the last row's close as traded, adjusted for splits only; empty where the vendor does not say.
    """

    by_symbol: Mapping[str, SymbolBars]
    notes: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, tuple[CorporateAction, ...]] = field(default_factory=dict)
    traded_closes: Mapping[str, float] = field(default_factory=dict)


def split_by_symbol(
    names: NDArray[np.str_], sessions: NDArray[np.datetime64], table: Floats
) -> dict[str, SymbolBars]:
    """Split a table of all symbols, shapes (n,), (n,) and (n, 5), by symbol; each keeps the order of its rows."""
    number: dict[str, int] = {}
    codes = np.array([number.setdefault(name, len(number)) for name in names.tolist()], dtype=np.intp)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(number)))[:-1]
    days, values = np.split(sessions[order].astype(DAY), ends), np.split(table[order], ends)
    return {name: SymbolBars(days[code], values[code]) for name, code in number.items()}
