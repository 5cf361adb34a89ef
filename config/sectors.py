"""The default universe in parts: `SECTOR_MAP`, 14 sectors with their ETFs and 64 stocks, each in one sector.

For whoever imports it; the engine is handed the universe that the settings name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from config.universe import DEFAULT
from core.universe import Sector

SECTOR_MAP: Mapping[str, Sector] = MappingProxyType(dict(DEFAULT.sectors))
