"""Settings: `from config import SWING_EXIT_CONFIG, RISK_CONFIG, SECTOR_MAP, SECTOR_SCAN_CONFIG`.

The four exports are the committed defaults; the layers of JSON over them are read by `config.loader`.
"""

from types import MappingProxyType

from config.risk import DailyLimits, PositionSizing, RiskCheck, SwingExit
from config.sectors import SECTOR_MAP
from config.trading import SectorScanSettings

SWING_EXIT_CONFIG = MappingProxyType(SwingExit().model_dump())
RISK_CONFIG = MappingProxyType(
    {
        **RiskCheck().model_dump(),
        "max_position_pct": PositionSizing().max_position_pct,
        "max_daily_trades": DailyLimits().max_daily_trades,
    }
)
SECTOR_SCAN_CONFIG = MappingProxyType(SectorScanSettings().model_dump())

__all__ = ["RISK_CONFIG", "SECTOR_MAP", "SECTOR_SCAN_CONFIG", "SWING_EXIT_CONFIG"]
