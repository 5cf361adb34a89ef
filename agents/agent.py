"""What an agent is: a name, and signals from a view."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import isfinite
from typing import Protocol

import numpy as np

from core.types import Abstention, Floats, MarketAnalysis, MarketView, Signal

NO_MEMBER = "it does not belong to the universe today, so it is not ranked"
NOT_RANKED = "it is not on the watchlist, so it is not ranked"


class Agent(Protocol):
    """One agent. Pure: the same view gives the same signals."""

    name: str

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Return this agent's part of the market analysis, for the symbols that may be decided on."""
        ...


class NullAgent:
    """Null object: an agent that abstains with a reason instead of voting zero."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._reason = reason

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Abstain for every symbol."""
        del view, symbols
        return MarketAnalysis(abstentions=(Abstention(agent=self.name, reason=self._reason),))


def centred_ranks(values: Floats) -> Floats:
    """Spread the finite values evenly over [-1, 1] by rank (mean rank for ties); NaN stays NaN.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)

    Returns
    -------
    ndarray of float64, shape (N,)
        A single finite value gets 0.
    """
    out = np.full(len(values), np.nan)
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) == 0:
        return out
    _, inverse, counts = np.unique(values[finite], return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    last = len(finite)
    out[finite] = 0.0 if last == 1 else 2 * (mean_rank[inverse] - 1) / (last - 1) - 1
    return out


def why_missing(view: MarketView, ranked: Collection[str], otherwise: str) -> Callable[[str], str]:
    """Return what says why a symbol has no score: it is not ranked, did not belong that day, or `otherwise`.

    Parameters
    ----------
    ranked : collection of str
        The stocks that the agent compares.
    """
    stocks = set(ranked)

    def reason(symbol: str) -> str:
        if symbol not in stocks:
            return NOT_RANKED
        return otherwise if symbol in view.stale or view.eligible((symbol,)) else NO_MEMBER

    return reason


def signals_of(
    agent: str,
    scores: Mapping[str, tuple[float, str]],
    symbols: Sequence[str],
    *,
    confidence: float,
    missing: str | Callable[[str], str],
    model_id: str = "",
) -> MarketAnalysis:
    """Turn (score, reason) by symbol into signals; a symbol without a score abstains with `missing`, its reason.

    Where the reasons differ by symbol, `missing` gives each one's.
    """
    signals, abstentions = [], []
    for symbol in symbols:
        scored = scores.get(symbol)
        if scored is None or not isfinite(scored[0]):
            reason = missing if isinstance(missing, str) else missing(symbol)
            abstentions.append(Abstention(agent=agent, symbol=symbol, reason=reason))
            continue
        score = min(1.0, max(-1.0, float(scored[0])))
        signals.append(
            Signal(
                agent=agent,
                symbol=symbol,
                score=score,
                confidence=confidence,
                reason=scored[1],
                model_id=model_id,
            )
        )
    return MarketAnalysis(signals=tuple(signals), abstentions=tuple(abstentions))
