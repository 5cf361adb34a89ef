"""The team, put together the same way for the daemon and the backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.trading import TradingSettings
from core.ports import Team
from core.universe import BENCHMARK

if TYPE_CHECKING:
    from agents.agent import Agent
    from agents.evidence import EvidenceProvider
    from agents.quant import RankerProvider
    from agents.shared import SharedSignals
    from agents.team import Agents
    from models.factors.store import FactorStore
    from models.regime.tracker import RegimeTracker
    from models.rl.ensemble import EnsembleProvider

RL_LEFT_OUT = "no RL models take part"
SENTIMENT_LEFT_OUT = "no news is read in this run"


def assemble_team(
    trading: TradingSettings,
    provider: RankerProvider,
    factors: FactorStore,
    ensemble: EnsembleProvider | None = None,
    sentiment: Agent | None = None,
    tracker: RegimeTracker | None = None,
    plugins: Agent | None = None,
    shared: SharedSignals | None = None,
    evidence: EvidenceProvider | None = None,
) -> Agents:
    """Put the agents together, `plugins` those that are not ours; the same for the daemon and the backtest.

    Parameters
    ----------
    shared : SharedSignals or None
        Agents and signals it has in common with other teams on the same views; others by settings are its own.
    evidence : EvidenceProvider or None
        What is shown by then, where votes or capital are earned; None where nothing is.
    """
    from agents.allocation import allocator_of  # noqa: PLC0415  # with the agents
    from agents.evidence import NoEvidence  # noqa: PLC0415  # with the agents
    from agents.quant import QuantAgent  # noqa: PLC0415  # heavy: imported at first use
    from agents.shared import SharedSignals  # noqa: PLC0415  # with the agents
    from agents.synthesizer import Synthesizer  # noqa: PLC0415  # with the agents
    from agents.team import Agents  # noqa: PLC0415  # with the agents
    from models.regime.tracker import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

    stocks, chosen, shared = trading.stocks, trading.synthesizer, shared or SharedSignals()
    regimes = (tracker or RegimeTracker(trading.regime)).scaled(trading.regime)
    p_min, sector_of = trading.quant.candidate_probability_min, trading.universe.sector_of
    quant = shared.agent(
        ("quant", stocks, p_min), lambda: QuantAgent(provider, factors, stocks, sector_of, p_min)
    )
    allocator = shared.agent(
        ("allocation", stocks, chosen.allocation, chosen.baseline, chosen.diversified),
        lambda: allocator_of(stocks, chosen, evidence),
    )
    return Agents(
        quant,
        _voting_agents(trading, factors, ensemble, sentiment, regimes, shared),
        Synthesizer(chosen),
        factors,
        stocks,
        allocator,
        plugins=plugins,
        shared=shared,
        earned=(evidence or NoEvidence()).shown_agents if trading.votes == "earned" else None,
    )


def _voting_agents(
    trading: TradingSettings,
    factors: FactorStore,
    ensemble: EnsembleProvider | None,
    sentiment: Agent | None,
    regimes: RegimeTracker,
    shared: SharedSignals,
) -> tuple[Agent, ...]:
    """Return the agents that vote beside the ranker."""
    from agents.agent import NullAgent  # noqa: PLC0415  # with the agents
    from agents.market import MarketAgent, MomentumAgent, RegimeAgent, RsiAgent  # noqa: PLC0415  # heavy

    stocks, scan = trading.stocks, trading.sector_scan
    return (
        shared.agent(("market", stocks, scan), lambda: MarketAgent(trading.universe.sectors, scan)),
        *shared.agent(
            ("rl", ensemble, stocks, trading.ensemble, trading.rl),
            lambda: no_rl_agents() if ensemble is None else rl_agents(trading, ensemble, factors, regimes),
        ),
        sentiment or NullAgent("sentiment", SENTIMENT_LEFT_OUT),
        shared.agent(("momentum", stocks, scan), lambda: MomentumAgent(stocks, scan)),
        shared.agent(("regime", trading.regime), lambda: RegimeAgent(regimes, BENCHMARK)),
        shared.agent("rsi", lambda: RsiAgent(factors)),
    )


def team_for(
    trading: TradingSettings,
    provider: RankerProvider,
    factors: FactorStore,
    plugins: Agent | None = None,
    *,
    shared: SharedSignals | None = None,
    evidence: EvidenceProvider | None = None,
) -> Team:
    """Return the team of a backtest: the daemon's, without what has no history to walk forward on."""
    return assemble_team(trading, provider, factors, plugins=plugins, shared=shared, evidence=evidence)


def no_rl_agents() -> tuple[Agent, ...]:
    """Return the null agents that stand for the ensemble's vote and its members."""
    from agents.agent import NullAgent  # noqa: PLC0415  # with the agents

    return NullAgent("rl", RL_LEFT_OUT), NullAgent("rl_members", RL_LEFT_OUT)


def rl_agents(
    trading: TradingSettings, provider: EnsembleProvider, factors: FactorStore, tracker: RegimeTracker
) -> tuple[Agent, ...]:
    """Return the agent of the ensemble's vote and that of its members; both read one evaluation of a view."""
    from agents.rl import RlAgent, RlMembersAgent  # noqa: PLC0415  # with the agents
    from models.rl.ensemble import Ensemble  # noqa: PLC0415  # with the agents

    stocks = trading.stocks
    ensemble = Ensemble(provider, factors, tracker, stocks, trading.ensemble, trading.rl)
    return RlAgent(ensemble), RlMembersAgent(ensemble)
