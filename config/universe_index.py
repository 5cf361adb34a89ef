"""Indices whose members of today a package lists, with the SPDR fund of each sector."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

ETF_OF_SECTOR: Mapping[str, str] = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Utilities": "XLU",
}
INDICES: Mapping[str, str] = {"sp500": "S&P 500", "nasdaq100": "NASDAQ 100", "dow": "DOW JONES"}
PACKAGE = "pytickersymbols"
# the package has the standard's own names for most stocks, and another classification's for the rest
OTHER_NAMES: Mapping[str, str] = {
    "Consumer Cyclicals": "Consumer Discretionary",
    "Consumer Non-Cyclicals": "Consumer Staples",
    "Healthcare": "Health Care",
    "Technology": "Information Technology",
    "Basic Materials": "Materials",
}


def index_members(name: str) -> tuple[str, ...]:
    """Return the tickers of an index's members of today."""
    return tuple(sorted({stock["symbol"] for stock in _package().get_stocks_by_index(INDICES[name])}))


def index_sector_of(ticker: str) -> str | None:
    """Return the sector of a stock of any of these indices; None where the package does not say."""
    return _sectors().get(ticker)


def described() -> str:
    """Return the package and its version."""
    return f"{PACKAGE} {version(PACKAGE)}"


@cache
def _sectors() -> Mapping[str, str]:
    """Map each stock that has a sector to it."""
    found: dict[str, str] = {}
    for index in INDICES.values():
        for stock in _package().get_stocks_by_index(index):
            said = stock.get("industries", ())
            names = [name for name in said if name in ETF_OF_SECTOR] or [
                OTHER_NAMES[name] for name in said if name in OTHER_NAMES
            ]
            if names:
                found.setdefault(stock["symbol"], names[0])
    return found


@cache
def _package() -> Any:
    from pytickersymbols import PyTickerSymbols  # noqa: PLC0415  # heavy: imported at first use

    return PyTickerSymbols()
