"""The universe: which stocks there are, each one's sector, and since when it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BENCHMARK = "SPY"
OTHER = "Other"


class Sector(NamedTuple):
    """A sector's ETF and its stocks."""

    etf: str
    stocks: tuple[str, ...]


class Span(NamedTuple):
    """The first and the last day of a membership; None where it has no such end."""

    since: date | None = None
    until: date | None = None


class Alias(NamedTuple):
    """A ticker that was renamed: from `since` on the stock trades under the new one."""

    old: str
    new: str
    since: date


@dataclass(frozen=True, kw_only=True)
class Universe:
    """Stocks with their sectors, sector ETFs and membership dates; a value that is handed in.

    Attributes
    ----------
    name : str
        As the setting `universe` names it.
    source : str
        The file or package it was read from.
    sectors : mapping of str to Sector
        Each stock is in one sector; `Other` holds those whose sector is not known, with the benchmark as ETF.
    membership : mapping of str to tuple of Span
        When each dated stock belonged; one that is not listed always does.
    aliases : tuple of Alias
        Renamed tickers; the stocks are listed under the new ones.
    notes : tuple of str
        What is missing or was assumed, for the log and the status.
    """

    name: str
    source: str
    sectors: Mapping[str, Sector]
    membership: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def stocks(self) -> tuple[str, ...]:
        """The stocks, sector by sector."""
        return tuple(stock for sector in self.sectors.values() for stock in sector.stocks)

    @cached_property
    def etfs(self) -> tuple[str, ...]:
        """The sectors' ETFs, each once; the benchmark is not among them."""
        return tuple(dict.fromkeys(s.etf for s in self.sectors.values() if s.etf != BENCHMARK))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """All that is watched, each once: the stocks, the sectors' ETFs, the benchmark."""
        return tuple(dict.fromkeys((*self.stocks, *self.etfs, BENCHMARK)))

    @cached_property
    def sector_of(self) -> Mapping[str, str]:
        """Map each stock to its sector."""
        return {stock: name for name, sector in self.sectors.items() for stock in sector.stocks}

    @cached_property
    def sector_etf_of(self) -> Mapping[str, str]:
        """Map each stock to its sector's ETF."""
        return {stock: sector.etf for sector in self.sectors.values() for stock in sector.stocks}

    @property
    def is_dated(self) -> bool:
        """Whether any stock belongs only for a time."""
        return bool(self.membership)

    def members(self, sessions: NDArray[np.datetime64], symbols: Sequence[str]) -> NDArray[np.bool_]:
        """Mark who belonged in each session.

        Returns
        -------
        ndarray of bool, shape (T, N)
            True throughout for a symbol without dates: an always-member, an ETF, the benchmark.
        """
        days = sessions.astype("datetime64[D]")
        out = np.ones((len(days), len(symbols)), dtype=np.bool_)
        for column, symbol in enumerate(symbols):
            if symbol in self.membership:
                out[:, column] = False
                for since, until in self.membership[symbol]:
                    first = 0 if since is None else np.searchsorted(days, np.datetime64(since, "D"))
                    stop = (
                        len(days) if until is None else np.searchsorted(days, np.datetime64(until, "D"), "right")
                    )
                    out[first:stop, column] = True
        return out

    def strangers(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Return those of the symbols that are not watched for the universe, in order."""
        return tuple(sorted(set(symbols).difference(self.symbols)))

    def only(self, stocks: Iterable[str]) -> Universe:
        """Return the universe of these stocks alone, those without a sector in `Other`."""
        wanted = dict.fromkeys(stocks)
        sectors = {
            name: Sector(sector.etf, tuple(stock for stock in sector.stocks if stock in wanted))
            for name, sector in self.sectors.items()
        }
        strangers = tuple(stock for stock in wanted if stock not in self.sector_of)
        if strangers:
            known = sectors.get(OTHER, Sector(BENCHMARK, ()))
            sectors[OTHER] = Sector(known.etf, (*known.stocks, *strangers))
        return replace(
            self,
            sectors={name: sector for name, sector in sectors.items() if sector.stocks},
            membership={stock: spans for stock, spans in self.membership.items() if stock in wanted},
        )
