"""The team: hears every agent of the cycle, then lets the synthesizer decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import numpy as np
from msgspec.structs import replace

from agents.agent import Voice
from agents.quant import QuantAgent
from agents.synthesizer import Synthesizer
from core.types import Cycle, Decision, MarketView, Opinion, Portfolio
from models.factors.store import FactorStore


class Agents:
    """The agents by name, and the synthesizer. Implements `core.ports.Team`.

    Parameters
    ----------
    allocator : Voice or None
        Sizes the whole book in each decision; None where votes decide.
    """

    def __init__(
        self,
        quant: QuantAgent,
        voices: Sequence[Voice],
        synthesizer: Synthesizer,
        factors: FactorStore,
        stocks: Sequence[str],
        allocator: Voice | None = None,
    ) -> None:
        self._quant = quant
        self._voices: dict[str, Voice] = {voice.name: voice for voice in (quant, *voices)}
        self._synthesizer = synthesizer
        self._allocator = allocator
        self._factors = factors
        self._stocks = tuple(stocks)

    def opine(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> Opinion:
        """Hear the cycle's agents on the watchlist (and on what is held), less what is stale."""
        wanted = cycle.symbols or tuple(sorted({*self._stocks, *portfolio.positions}))
        symbols = [s for s in wanted if s not in view.stale and s in view.bars.column]
        heard = [self._voices[name] for name in cycle.agents]
        if self._allocator is not None and cycle.entries and cycle.name == "decide":
            heard.append(self._allocator)
        parts = [voice.speak(view, symbols) for voice in heard] if view.row >= 0 else []
        candidates = {symbol for part in parts for symbol in part.candidates}
        return Opinion(
            regime=next((part.regime for part in parts if part.regime), None),
            sectors=next((part.sectors for part in parts if part.sectors), ()),
            ranking=next((part.ranking for part in parts if part.ranking), ()),
            candidates=tuple(sorted(candidates.intersection(self._stocks))),
            targets=next((part.targets for part in parts if part.targets), {}),
            signals=tuple(chain.from_iterable(part.signals for part in parts)),
            abstentions=tuple(chain.from_iterable(part.abstentions for part in parts)),
            atr=self._average_true_ranges(view, portfolio),
            models={agent: model for part in parts for agent, model in part.models.items()},
        )

    def decide(self, opinion: Opinion, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Let the synthesizer decide."""
        return self._synthesizer.decide(opinion, portfolio, cycle)

    def explain(self, view: MarketView, opinion: Opinion, symbols: Collection[str]) -> Opinion:
        """Keep what explains these symbols: their votes hold the signals already."""
        kept = set(symbols)
        ranking = [stock for stock in opinion.ranking if stock.symbol in kept]
        return replace(
            opinion,
            signals=(),
            ranking=self._quant.explain(view, ranking) if ranking else (),
            abstentions=tuple(a for a in opinion.abstentions if a.symbol == "*" or a.symbol in kept),
        )

    def _average_true_ranges(self, view: MarketView, portfolio: Portfolio) -> Mapping[str, float]:
        held = [symbol for symbol in portfolio.positions if symbol in view.bars.column]
        if not held or view.row < 0:
            return {}
        atr = self._factors.at(view.bars).atr
        values = {symbol: float(atr[view.bars.column[symbol]]) for symbol in held}
        return {symbol: value for symbol, value in values.items() if np.isfinite(value)}
