"""The quant agent: the ranker's calibrated probabilities as votes, with the factors that made them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec.structs import replace

from agents.agent import signals_of, why_missing
from core.types import Abstention, Floats, MarketAnalysis, MarketView, RankedStock
from models.factors.store import FactorStore
from models.factors.table import FACTOR_NAMES

if TYPE_CHECKING:
    from models.ranker.ranker import Ranker


class RankerProvider(Protocol):
    """Gives the ranker that may be used for a view: one whose labels ended before the view's last session."""

    def model_for(self, view: MarketView) -> Ranker | Abstention:
        """Give the ranker, or say why there is none."""
        ...


class QuantAgent:
    """Ranks every stock by its probability of ending in the universe's top quarter.

    Parameters
    ----------
    candidate_probability_min : float
        A stock above it may be bought, in [0, 1].
    """

    name = "quant"

    def __init__(
        self,
        provider: RankerProvider,
        factors: FactorStore,
        stocks: Sequence[str],
        sector_of: Mapping[str, str],
        candidate_probability_min: float,
    ) -> None:
        self._provider = provider
        self._factors = factors
        self._stocks = tuple(stocks)
        self._sector_of = sector_of
        self._candidate_min = candidate_probability_min
        self._named: tuple[bytes, dict[str, dict[str, float]]] = (b"", {})

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give the ranking, its candidates, and one signal a stock."""
        ranker = self._provider.model_for(view)
        if isinstance(ranker, Abstention):
            return MarketAnalysis(abstentions=(ranker,))
        ranking = self._rank(view, ranker)
        base = ranker.artefact.metrics["base_rate"]
        skill = max(0.0, min(1.0, 2 * ranker.artefact.metrics["auc"] - 1))
        said = {s.symbol: (score_of(s.p_outperform, base), _reason(s.p_outperform, base)) for s in ranking}
        signalled = signals_of(
            self.name,
            said,
            symbols,
            confidence=skill,
            missing=why_missing(view, self._stocks, "its factors are missing"),
            model_id=ranker.artefact.model_id,
        )
        candidates = {s.symbol for s in ranking if s.p_outperform > self._candidate_min}
        return replace(
            signalled,
            ranking=ranking,
            candidates=tuple(sorted(candidates.intersection(symbols))),
            models={self.name: ranker.artefact.model_id},
        )

    def explain(self, view: MarketView, ranking: Sequence[RankedStock]) -> tuple[RankedStock, ...]:
        """Add to ranked stocks what each factor contributed."""
        ranker = self._provider.model_for(view)
        if isinstance(ranker, Abstention):
            return tuple(ranking)
        columns = [view.bars.column[stock.symbol] for stock in ranking]
        shares = ranker.contributions(self._factors.at(view.bars).z[columns])
        return tuple(
            replace(stock, contributions=_named(share)) for stock, share in zip(ranking, shares, strict=True)
        )

    def _rank(self, view: MarketView, ranker: Ranker) -> tuple[RankedStock, ...]:
        row = self._factors.at(view.bars)
        columns = {s: view.bars.column[s] for s in view.eligible(self._stocks)}
        if not columns:
            return ()
        said = ranker.rank(row.z[list(columns.values())])
        factors = self._named_factors(view, columns, row.z)
        order = [
            (-float(said.p_outperform[i]), -float(said.margin[i]), symbol)
            for i, symbol in enumerate(columns)
            if np.isfinite(said.p_outperform[i])
        ]
        return tuple(
            RankedStock(
                symbol=symbol,
                rank=place,
                p_outperform=-p,
                sector=self._sector_of[symbol],
                price=float(view.bars.close[-1, columns[symbol]]),
                factors=factors[symbol],
                model_id=ranker.artefact.model_id,
            )
            for place, (p, _, symbol) in enumerate(sorted(order), start=1)
        )

    def _named_factors(
        self, view: MarketView, columns: Mapping[str, int], z: Floats
    ) -> Mapping[str, dict[str, float]]:
        """Return each stock's factors by name, named once a session."""
        if self._named[0] != view.bars.digest:
            self._named = (view.bars.digest, {})
        known = self._named[1]
        known.update({symbol: _named(z[column]) for symbol, column in columns.items() if symbol not in known})
        return known


def _named(values: Floats) -> dict[str, float]:
    """Name the factors that are there."""
    return {
        name: value for name, value in zip(FACTOR_NAMES, values.tolist(), strict=True) if math.isfinite(value)
    }


def score_of(p_outperform: float, base_rate: float) -> float:
    """Turn a probability into a vote: tanh of its log-odds over the base rate's; 0 at the base rate."""
    p = min(max(p_outperform, 1e-6), 1 - 1e-6)
    return math.tanh(math.log(p / (1 - p)) - math.log(base_rate / (1 - base_rate)))


def _reason(p_outperform: float, base_rate: float) -> str:
    return f"top-quarter probability {p_outperform:.1%} (base {base_rate:.0%})"
