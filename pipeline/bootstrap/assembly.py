"""The team and the risk manager, put together the same way for the daemon and the backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.sectors import BENCHMARK, SECTOR_MAP, SECTOR_OF
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.ports import RiskManager, Team

if TYPE_CHECKING:
    from agents.quant import RankerShelf
    from models.factor_store import FactorStore

RL_ABSENT = "no RL models are trained"
SENTIMENT_ABSENT = "no news is read yet"


def assemble_team(trading: TradingSettings, shelf: RankerShelf, factors: FactorStore) -> Team:
    """Put the agents together; the same for the daemon and the backtest."""
    from agents.market import MomentumAgent, RegimeAgent, RsiAgent, SectorAgent  # noqa: PLC0415  # heavy
    from agents.quant import QuantAgent  # noqa: PLC0415  # heavy: imported at first use
    from agents.synthesizer import Synthesizer  # noqa: PLC0415  # with the agents
    from agents.team import Agents  # noqa: PLC0415  # with the agents
    from agents.voice import Absent  # noqa: PLC0415  # with the agents
    from models.regime import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

    stocks = trading.watchlist.tickers
    voices = (
        SectorAgent(SECTOR_MAP, trading.sector_scan),
        Absent("rl", RL_ABSENT),
        Absent("sentiment", SENTIMENT_ABSENT),
        MomentumAgent(stocks, trading.sector_scan),
        RegimeAgent(RegimeTracker(trading.regime), BENCHMARK),
        RsiAgent(factors),
    )
    quant = QuantAgent(shelf, factors, stocks, SECTOR_OF, trading.quant.candidate_probability_min)
    return Agents(quant, voices, Synthesizer(trading.synthesizer), factors, stocks)


def assemble_risk(trading: TradingSettings, limits: WatchedRisk) -> RiskManager:
    """Put the risk manager together; the same for the daemon and the backtest."""
    from risk.manager import Manager  # noqa: PLC0415  # imported where it is made

    broker = trading.broker
    return Manager(
        settings_of=lambda: limits.settings,
        sector_of=SECTOR_OF,
        fractional_shares=broker.fractional_shares,
        cost_bps=broker.spread_bps / 2 + broker.slippage_bps + broker.fee_bps,
    )
