"""The team and the risk manager, put together the same way for the daemon and the backtest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.risk import RiskSettings
from config.sectors import BENCHMARK, SECTOR_MAP, SECTOR_OF
from config.trading import TradingSettings
from core.ports import RiskManager, Team
from core.types import Event, StepReport, TradingState

if TYPE_CHECKING:
    from agents.quant import RankerShelf
    from agents.voice import Voice
    from models.factor_store import FactorStore
    from models.regime import RegimeTracker
    from models.rl_ensemble import EnsembleShelf

RL_ABSENT = "no RL models take part"
SENTIMENT_ABSENT = "no news is read in this run"


class Forgetful:
    """The memory of a backtest: every report is in its ledger already."""

    def during_step(self) -> AbstractContextManager[None]:
        """Hold nobody back: there is nobody."""
        return nullcontext()

    def remember(self, report: StepReport) -> None:
        """Keep nothing more."""


def untold(report: StepReport, before: TradingState) -> None:
    """Tell nobody of a report."""


class Silent:
    """The stream of a backtest: nobody listens."""

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        """Pass nothing on."""
        return Event(topic=topic, sequence=0, at=at, data=data)


def assemble_team(
    trading: TradingSettings,
    shelf: RankerShelf,
    factors: FactorStore,
    ensemble: EnsembleShelf | None = None,
    sentiment: Voice | None = None,
    tracker: RegimeTracker | None = None,
) -> Team:
    """Put the agents together; the same for the daemon and the backtest."""
    from agents.diversified import DiversifiedAgent  # noqa: PLC0415  # with the agents
    from agents.market import MomentumAgent, RegimeAgent, RsiAgent, SectorAgent  # noqa: PLC0415  # heavy
    from agents.quant import QuantAgent  # noqa: PLC0415  # heavy: imported at first use
    from agents.synthesizer import Synthesizer  # noqa: PLC0415  # with the agents
    from agents.team import Agents  # noqa: PLC0415  # with the agents
    from agents.voice import Absent  # noqa: PLC0415  # with the agents
    from models.regime import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

    stocks = trading.watchlist.tickers
    tracker = tracker or RegimeTracker(trading.regime)
    rl = (Absent("rl", RL_ABSENT),) if ensemble is None else rl_voices(trading, ensemble, factors, tracker)
    voices = (
        SectorAgent(SECTOR_MAP, trading.sector_scan),
        *rl,
        sentiment or Absent("sentiment", SENTIMENT_ABSENT),
        MomentumAgent(stocks, trading.sector_scan),
        RegimeAgent(tracker, BENCHMARK),
        RsiAgent(factors),
    )
    quant = QuantAgent(shelf, factors, stocks, SECTOR_OF, trading.quant.candidate_probability_min)
    chosen = trading.synthesizer
    allocator = DiversifiedAgent(stocks, chosen.diversified) if chosen.allocation == "diversified" else None
    return Agents(quant, voices, Synthesizer(chosen), factors, stocks, allocator)


def team_for(trading: TradingSettings, shelf: RankerShelf, factors: FactorStore) -> Team:
    """Give the team a backtest decides with: the daemon's, without what has no history to walk forward on."""
    return assemble_team(trading, shelf, factors)


def rl_voices(
    trading: TradingSettings, shelf: EnsembleShelf, factors: FactorStore, tracker: RegimeTracker
) -> tuple[Voice, ...]:
    """Give the ensemble's vote and its members, both of one judgement a view."""
    from agents.rl import RlAgent, RlMembersAgent  # noqa: PLC0415  # with the agents
    from models.rl_ensemble import Ensemble  # noqa: PLC0415  # with the agents

    stocks = trading.watchlist.tickers
    ensemble = Ensemble(shelf, factors, tracker, stocks, trading.ensemble, trading.rl)
    return RlAgent(ensemble), RlMembersAgent(ensemble)


def assemble_risk(trading: TradingSettings, settings_of: Callable[[], RiskSettings]) -> RiskManager:
    """Put the risk manager together; the same for the daemon and the backtest."""
    from risk.manager import Manager  # noqa: PLC0415  # imported where it is made

    broker = trading.broker
    return Manager(
        settings_of=settings_of,
        sector_of=SECTOR_OF,
        fractional_shares=broker.fractional_shares,
        cost_bps=broker.spread_bps / 2 + broker.slippage_bps + broker.fee_bps,
    )
