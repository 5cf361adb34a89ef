"""The scoreboard's figures: returns, Sharpe ratio and excess with intervals, and how long until one knows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.evidence import SHOWN_MIN, Evidence
from analysis.scorekeeper import YARDSTICK, ScoreState
from core.market import Floats
from core.scoreboard import AgentScore, KnownSoFar, Outcome, Scoreboard, SessionClose, ShadowBookScore
from core.statistics import SESSIONS_PER_YEAR

Z_TWO_SIDED = 1.959964  # 95 % of a normal distribution, both sides
Z_ONE_SIDED = 1.644854  # 95 %, one side
VARIANCE_MIN = 1e-16
Interval = tuple[float | None, float | None, float | None]
UNKNOWN: Interval = (None, None, None)


def scoreboard(
    closes: Sequence[SessionClose],
    agent_outcomes: Iterable[Outcome],
    state: ScoreState,
    weights: Mapping[str, float],
    votes: str,
) -> Scoreboard:
    """Return the scoreboard.

    Parameters
    ----------
    closes : sequence of SessionClose
        Of all sessions, oldest first.
    agent_outcomes : iterable of Outcome
        What every session taught of the agents.
    weights : mapping of str to float
        Each agent's vote in the settings.
    votes : str
        `earned`: a weight counts only once the agent's edge is shown.
    """
    returns, taught = returns_by_name(closes), defaultdict(list)
    for outcome in agent_outcomes:
        taught[outcome.name].append(outcome.excess_return)
    yardstick = returns.get(YARDSTICK, {})
    shown = state.shown_agents()
    notes = () if YARDSTICK in state.books else (f"without the book {YARDSTICK} nothing can be judged",)
    return Scoreboard(
        session=state.session,
        yardstick=YARDSTICK,
        shown_min=SHOWN_MIN,
        votes=votes,
        shadow_books=tuple(_score(name, state, returns[name], yardstick) for name in sorted(returns)),
        agents=tuple(
            _agent(name, state.agents[name], taught[name], weights, counts=votes != "earned" or name in shown)
            for name in sorted(state.agents)
        ),
        notes=notes,
    )


def returns_by_name(closes: Sequence[SessionClose]) -> dict[str, dict[str, float]]:
    """Return each book's returns by session; a book's first close has none."""
    last: dict[str, float] = {}
    returns: dict[str, dict[str, float]] = defaultdict(dict)
    for close in closes:
        of_one = returns[close.name]
        if close.name in last and last[close.name] > 0:
            of_one[close.session] = (close.equity - close.paid_in) / last[close.name] - 1.0
        last[close.name] = close.equity
    return returns


def sharpe_with_interval(returns: Floats) -> Interval:
    """Return the Sharpe ratio a year and its 95 % interval (Mertens 2002, for returns of any shape)."""
    if len(returns) < 3 or returns.var() <= VARIANCE_MIN:
        return UNKNOWN
    ratio, spread = _ratio_and_spread(returns)
    error = Z_TWO_SIDED * math.sqrt(max(spread, 0.0) / (len(returns) - 1))
    year = math.sqrt(SESSIONS_PER_YEAR)
    return ratio * year, (ratio - error) * year, (ratio + error) * year


def mean_with_interval(returns: Floats) -> Interval:
    """Return the mean a year, a fraction, and its 95 % interval."""
    if len(returns) < 3:
        return UNKNOWN
    mean = float(returns.mean()) * SESSIONS_PER_YEAR
    error = Z_TWO_SIDED * float(returns.std(ddof=1)) / math.sqrt(len(returns)) * SESSIONS_PER_YEAR
    return mean, mean - error, mean + error


def sessions_until_known(excess: Floats) -> int | None:
    """Return how many more sessions it takes until a Sharpe ratio above 0 could not be luck, at 95 %.

    The minimum track record length, 1 + (1 - γ₃ SR + (γ₄ - 1)/4 SR²) (z / SR)², less the sessions there are
    (Bailey and López de Prado 2012, "The Sharpe ratio efficient frontier"). None where the ratio is not above 0.
    """
    if len(excess) < 3 or excess.var() <= VARIANCE_MIN or excess.mean() <= 0:
        return None
    ratio, spread = _ratio_and_spread(excess)
    needed = 1 + max(spread, 0.0) * (Z_ONE_SIDED / ratio) ** 2
    return max(0, math.ceil(needed - len(excess)))


def _ratio_and_spread(returns: Floats) -> tuple[float, float]:
    standard = (returns - returns.mean()) / returns.std()
    ratio = float(returns.mean() / returns.std(ddof=1))
    skewness, kurtosis = float((standard**3).mean()), float((standard**4).mean())
    return ratio, 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2


def _score(
    name: str, state: ScoreState, returns: Mapping[str, float], yardstick: Mapping[str, float]
) -> ShadowBookScore:
    own = np.array(list(returns.values()))
    both = [session for session in returns if session in yardstick]
    excess = np.array([returns[session] - yardstick[session] for session in both])
    judged = name in state.books and name != YARDSTICK
    sharpe, mean = sharpe_with_interval(own), mean_with_interval(excess) if judged else UNKNOWN
    curve = np.concatenate([[1.0], np.cumprod(1.0 + own)])
    return ShadowBookScore(
        name=name,
        sessions=len(own),
        return_last=returns.get(state.session),
        return_total=float(curve[-1] - 1.0) if len(own) else None,
        sharpe=sharpe[0],
        sharpe_low=sharpe[1],
        sharpe_high=sharpe[2],
        excess=mean[0],
        excess_low=mean[1],
        excess_high=mean[2],
        drawdown_max=float((curve / np.maximum.accumulate(curve) - 1.0).min()) if len(own) else None,
        sessions_left=sessions_until_known(excess) if judged else None,
        evidence=known_so_far(state.books[name].evidence) if judged else None,
    )


def _agent(
    name: str, evidence: Evidence, excess: Sequence[float], weights: Mapping[str, float], *, counts: bool
) -> AgentScore:
    mean = mean_with_interval(np.array(excess))
    weight = weights.get(name, 0.0)
    return AgentScore(
        name=name,
        weight=weight,
        counts=counts and weight > 0,
        evidence=known_so_far(evidence),
        excess=mean[0],
        excess_low=mean[1],
        excess_high=mean[2],
    )


def known_so_far(evidence: Evidence) -> KnownSoFar:
    """Return the evidence's figures."""
    return KnownSoFar(
        sessions=evidence.sessions,
        e_value=evidence.e_value,
        e_value_worse=evidence.e_value_worse,
        state=evidence.state.value,
    )
