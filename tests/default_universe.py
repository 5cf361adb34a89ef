"""The default universe in parts, for tests on its stocks."""

from __future__ import annotations

from config.universe import DEFAULT
from core.universe import BENCHMARK, Sector

__all__ = [
    "BENCHMARK",
    "DEFAULT",
    "ETFS",
    "SECTOR_ETF_OF",
    "SECTOR_MAP",
    "SECTOR_OF",
    "STOCKS",
    "UNIVERSE",
    "Sector",
]

SECTOR_MAP = DEFAULT.sectors
STOCKS = DEFAULT.stocks
ETFS = DEFAULT.etfs
SECTOR_OF = DEFAULT.sector_of
SECTOR_ETF_OF = DEFAULT.sector_etf_of
UNIVERSE = DEFAULT.symbols
