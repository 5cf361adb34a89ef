"""The risk manager, put together the same way for the daemon and the backtest."""

from __future__ import annotations

from collections.abc import Callable

from config.risk import RiskSettings
from config.trading import TradingSettings
from core.ports import RiskManager
from risk.manager import RuleBasedRiskManager


def assemble_risk(
    trading: TradingSettings,
    settings_of: Callable[[], RiskSettings],
    exits: RiskSettings | None = None,
) -> RiskManager:
    """Return the risk manager of the settings; its exits follow `exits` where those are given."""
    broker = trading.broker
    return RuleBasedRiskManager(
        settings_of=settings_of,
        sector_of=trading.universe.sector_of,
        fractional_shares=broker.fractional_shares,
        cost_bps=broker.spread_bps / 2 + broker.slippage_bps + broker.fee_bps,
        exit_settings_of=lambda settings: exits or settings,
    )
