"""The risk manager, put together the same way for the daemon and the backtest."""

from __future__ import annotations

from collections.abc import Callable

from config.risk import RiskSettings
from config.trading import TradingSettings
from core.brackets import Bracket
from core.ports import RiskManager
from core.types import MarketAnalysis, Portfolio
from risk.levels import bracket_of
from risk.manager import RuleBasedRiskManager

BracketsOf = Callable[[str, Portfolio, MarketAnalysis], list[Bracket]]


def brackets_by(settings_of: Callable[[], RiskSettings]) -> BracketsOf:
    """Return the function that gives the brackets of what is held, by RISK_CONFIG, named after a decision."""

    def brackets_of(decision_id: str, portfolio: Portfolio, analysis: MarketAnalysis) -> list[Bracket]:
        check = settings_of().risk_check
        return [
            bracket_of(symbol, decision_id, analysis.atr.get(symbol), check, held.peak_price)
            for symbol, held in sorted(portfolio.positions.items())
        ]

    return brackets_of


def assemble_risk(
    trading: TradingSettings,
    settings_of: Callable[[], RiskSettings],
    exits: RiskSettings | None = None,
    *,
    whole_shares: bool = False,
) -> RiskManager:
    """Return the risk manager of the settings; its exits follow `exits` where those are given.

    Parameters
    ----------
    whole_shares : bool
        Whether only whole shares are bought, though the paper broker's settings may allow fractions.
    """
    broker = trading.broker
    return RuleBasedRiskManager(
        settings_of=settings_of,
        sector_of=trading.universe.sector_of,
        fractional_shares=broker.fractional_shares and not whole_shares,
        cost_bps=broker.spread_bps / 2 + broker.slippage_bps + broker.fee_bps,
        exit_settings_of=lambda settings: exits or settings,
        wash_sales=trading.taxes.wash_sales,
        pick_lots=trading.taxes.pick_lots,
    )
