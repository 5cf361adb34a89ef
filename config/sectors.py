"""The universe: 14 sectors, their ETFs and their 64 stocks; each stock in one sector.

Picked with hindsight (today's leaders): absolute returns on it are flattered, and reports say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

BENCHMARK = "SPY"


class Sector(NamedTuple):
    """A sector's ETF and its stocks."""

    etf: str
    stocks: tuple[str, ...]


def _sector(etf: str, stocks: str) -> Sector:
    return Sector(etf, tuple(stocks.split()))


SECTOR_MAP: Mapping[str, Sector] = MappingProxyType(
    {
        "Technology": _sector("XLK", "AAPL MSFT CRM ORCL"),
        "Semiconductors": _sector("SMH", "NVDA AVGO AMD TSM MU ASML"),
        "Financials": _sector("XLF", "JPM V MA BAC GS"),
        "Healthcare": _sector("XLV", "LLY UNH JNJ ABBV TMO MRK"),
        "Consumer Discretionary": _sector("XLY", "AMZN HD MCD NKE"),
        "Communication": _sector("XLC", "META GOOGL NFLX DIS TMUS"),
        "Industrials": _sector("XLI", "CAT GE RTX BA UNP"),
        "Energy": _sector("XLE", "XOM CVX COP SLB"),
        "Consumer Staples": _sector("XLP", "WMT COST PG KO PEP"),
        "Biotech": _sector("IBB", "VRTX GILD AMGN REGN"),
        "Innovation": _sector("ARKK", "TSLA COIN SHOP ROKU"),
        "Materials": _sector("XLB", "LIN APD SHW ECL"),
        "Utilities": _sector("XLU", "NEE DUK SO D"),
        "Real Estate": _sector("XLRE", "PLD AMT EQIX PSA"),
    }
)

STOCKS: tuple[str, ...] = tuple(stock for sector in SECTOR_MAP.values() for stock in sector.stocks)
ETFS: tuple[str, ...] = tuple(sector.etf for sector in SECTOR_MAP.values())
SECTOR_OF: Mapping[str, str] = MappingProxyType(
    {stock: name for name, sector in SECTOR_MAP.items() for stock in sector.stocks}
)
UNIVERSE: tuple[str, ...] = (*STOCKS, *ETFS, BENCHMARK)
