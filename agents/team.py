"""The team: collects the signals of the cycle's agents, then lets the synthesizer decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from agents.agent import Agent
from agents.quant import QuantAgent
from agents.shared import SharedSignals
from agents.synthesizer import Synthesizer
from core.cycles import CYCLES, WeightSet
from core.errors import InvariantError
from core.types import Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Signal
from models.factors.store import FactorStore

Earned = Callable[[MarketView], Collection[str]]


class Agents:
    """The agents by name, and the synthesizer. Implements `core.ports.Team`.

    Parameters
    ----------
    stocks : sequence of str
        The watchlist: what may be bought.
    allocator : Agent or None
        Sizes the whole portfolio in each cycle that allocates; None where votes decide.
    plugins : Agent or None
        The agents that are not ours, heard in each full decision; without a weight theirs is shown, not counted.
    cycles : sequence of Cycle
        The cycles that will be run.
    shared : SharedSignals or None
        What the agents said of the last view, where other teams have some of them too.
    earned : callable or None
        Names the agents whose votes count on a view; None where all do.

    Raises
    ------
    core.errors.InvariantError
        When a cycle names an agent that is not in the team.
    """

    def __init__(
        self,
        quant: QuantAgent,
        agents: Sequence[Agent],
        synthesizer: Synthesizer,
        factors: FactorStore,
        stocks: Sequence[str],
        allocator: Agent | None = None,
        *,
        plugins: Agent | None = None,
        cycles: Sequence[Cycle] = CYCLES,
        shared: SharedSignals | None = None,
        earned: Earned | None = None,
    ) -> None:
        self._earned = earned
        self._shared = shared or SharedSignals()
        self._quant = quant
        self._agents: dict[str, Agent] = {agent.name: agent for agent in (quant, *agents)}
        self._synthesizer = synthesizer
        self._allocator = allocator
        self._plugins = plugins
        self._factors = factors
        self._stocks = tuple(stocks)
        for cycle in cycles:
            self._agents_of(cycle)

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Collect the signals of the cycle's agents on the watchlist's members of the day and on what is held."""
        wanted = cycle.symbols or tuple(sorted({*self._stocks, *portfolio.positions}))
        eligible, held = set(view.eligible({*self._stocks, *wanted})), portfolio.positions
        known = view.bars.column
        symbols = [s for s in wanted if s in eligible or (s in held and s not in view.stale and s in known)]
        agents = self._agents_of(cycle)
        if self._allocator is not None and cycle.entries and cycle.kind.allocates:
            agents.append(self._allocator)
        if self._plugins is not None and cycle.kind.weight_set is WeightSet.CURRENT:
            agents.append(self._plugins)
        parts = [self._shared.signals(agent, view, symbols) for agent in agents] if view.row >= 0 else []
        parts += [] if self._earned is None else [votes_earned(self._earned(view))]
        candidates = {symbol for part in parts for symbol in part.candidates}
        return MarketAnalysis(
            regime=next((part.regime for part in parts if part.regime), None),
            sectors=next((part.sectors for part in parts if part.sectors), ()),
            ranking=next((part.ranking for part in parts if part.ranking), ()),
            candidates=tuple(sorted(candidates.intersection(self._stocks, eligible))),
            targets=next((part.targets for part in parts if part.targets), {}),
            signals=tuple(chain.from_iterable(part.signals for part in parts)),
            abstentions=tuple(chain.from_iterable(part.abstentions for part in parts)),
            atr=average_true_ranges(self._factors, view, portfolio),
            models={agent: model for part in parts for agent, model in part.models.items()},
            counted=next((part.counted for part in parts if part.counted is not UNSET), UNSET),
        )

    def say(self, view: MarketView) -> tuple[Signal, ...]:
        """Return what every agent, with a vote or without, says of the watchlist's members of the day.

        Of what joins the universe later nothing counts: it joined since it had risen.
        """
        symbols = view.eligible(sorted(self._stocks))
        agents = [*self._agents.values(), *([self._plugins] if self._plugins else [])]
        parts = (self._shared.signals(agent, view, symbols) for agent in agents)
        return tuple(chain.from_iterable(part.signals for part in parts))

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Return the synthesizer's decisions."""
        return self._synthesizer.decide(analysis, portfolio, cycle)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Keep what explains these symbols: their votes hold the signals already."""
        kept = set(symbols)
        ranking = [stock for stock in analysis.ranking if stock.symbol in kept]
        return replace(
            analysis,
            signals=(),
            ranking=self._quant.explain(view, ranking) if ranking else (),
            abstentions=tuple(a for a in analysis.abstentions if a.symbol == "*" or a.symbol in kept),
        )

    def _agents_of(self, cycle: Cycle) -> list[Agent]:
        unknown = [name for name in cycle.agents if name not in self._agents]
        if unknown:
            raise InvariantError(
                f"The cycle {cycle.name} asks for agents that are not in the team ({', '.join(unknown)}); "
                "it cannot decide.",
                hint=f"Add them in agents/build.py, or take them out of the cycle. The team has "
                f"{', '.join(self._agents)}.",
            )
        return [self._agents[name] for name in cycle.agents]


def votes_earned(agents: Collection[str]) -> MarketAnalysis:
    """Return the part of an analysis that says whose votes count; a decision's id hangs on it."""
    names = tuple(sorted(agents))
    return MarketAnalysis(counted=names, models={"votes": f"earned by {', '.join(names) or 'nobody'}"})


def average_true_ranges(factors: FactorStore, view: MarketView, portfolio: Portfolio) -> Mapping[str, float]:
    """Return the average true range over 14 sessions of what is held, US dollars; what has none is left out."""
    held = [symbol for symbol in portfolio.positions if symbol in view.bars.column]
    if not held or view.row < 0:
        return {}
    atr = factors.at(view.bars).atr
    values = {symbol: float(atr[view.bars.column[symbol]]) for symbol in held}
    return {symbol: value for symbol, value in values.items() if np.isfinite(value)}
