"""The scoreboard's figures: returns, Sharpe ratio and excess with intervals, and how long until one knows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from analysis.curves import drawdowns
from analysis.evidence import SHOWN_MIN, Evidence
from analysis.scorekeeper import YARDSTICK, ScoreState
from analysis.significance import shape_of, track_record_sessions_min
from core.market import Floats
from core.scoreboard import AgentScore, KnownSoFar, Outcome, Scoreboard, SessionClose, ShadowBookScore
from core.statistics import SESSIONS_PER_YEAR

Z_TWO_SIDED = 1.959964  # 95 % of a normal distribution, both sides
Interval = tuple[float | None, float | None, float | None]
UNKNOWN: Interval = (None, None, None)


def scoreboard(
    closes: Sequence[SessionClose],
    agent_outcomes: Iterable[Outcome],
    state: ScoreState,
    weights: Mapping[str, float],
    votes: str,
    heard: Collection[str] = (),
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
    heard : collection of str
        Agents that are asked and shown from their first day on, before any session has judged them.
    """
    returns, taught = returns_by_name(closes), defaultdict(list)
    for outcome in agent_outcomes:
        taught[outcome.name].append(outcome.excess_return)
    excess = excess_by_name(closes)
    shown = state.shown_agents()
    agents = dict.fromkeys(heard, Evidence()) | dict(state.agents)
    notes = () if YARDSTICK in state.books else (f"without the book {YARDSTICK} nothing can be judged",)
    return Scoreboard(
        session=state.session,
        yardstick=YARDSTICK,
        shown_min=SHOWN_MIN,
        votes=votes,
        shadow_books=tuple(_score(name, state, returns[name], excess[name]) for name in sorted(returns)),
        agents=tuple(
            _agent(name, agents[name], taught[name], weights, counts=votes != "earned" or name in shown)
            for name in sorted(agents)
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


def excess_by_name(closes: Sequence[SessionClose]) -> dict[str, Floats]:
    """Return each book's returns less the yardstick's over the same span, oldest first.

    A book that missed sessions has a return over several at its next close: so has the yardstick it is held to.
    """
    yardstick = {close.session: close.equity for close in closes if close.name == YARDSTICK}
    last: dict[str, SessionClose] = {}
    excess: dict[str, list[float]] = defaultdict(list)
    for close in closes:
        before = last.get(close.name)
        if (
            before is not None
            and before.equity > 0
            and before.session in yardstick
            and close.session in yardstick
        ):
            own = (close.equity - close.paid_in) / before.equity
            excess[close.name].append(own - yardstick[close.session] / yardstick[before.session])
        last[close.name] = close
    return defaultdict(lambda: np.empty(0), {name: np.array(values) for name, values in excess.items()})


def sharpe_with_interval(returns: Floats) -> Interval:
    """Return the Sharpe ratio a year and its 95 % interval (Mertens 2002, for returns of any shape)."""
    shape = shape_of(returns)
    if shape is None:
        return UNKNOWN
    error = Z_TWO_SIDED * math.sqrt(max(shape.spread, 0.0) / (shape.sessions - 1))
    year = math.sqrt(SESSIONS_PER_YEAR)
    return shape.ratio * year, (shape.ratio - error) * year, (shape.ratio + error) * year


def mean_with_interval(returns: Floats) -> Interval:
    """Return the mean a year, a fraction, and its 95 % interval."""
    if len(returns) < 3:
        return UNKNOWN
    mean = float(returns.mean()) * SESSIONS_PER_YEAR
    error = Z_TWO_SIDED * float(returns.std(ddof=1)) / math.sqrt(len(returns)) * SESSIONS_PER_YEAR
    return mean, mean - error, mean + error


def sessions_until_known(excess: Floats) -> int | None:
    """Return how many more sessions it takes until a Sharpe ratio above 0 could not be luck, at 95 %.

    The minimum track record length less the sessions there are. None where the ratio is not above 0.
    """
    needed = track_record_sessions_min(excess)
    return None if needed is None else max(0, needed - len(excess))


def _score(name: str, state: ScoreState, returns: Mapping[str, float], excess: Floats) -> ShadowBookScore:
    own = np.array(list(returns.values()))
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
        drawdown_max=float(drawdowns(curve).min()) if len(own) else None,
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
