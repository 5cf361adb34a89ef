"""The scoreboard's figures: returns, Sharpe ratio and excess with intervals, and how long until one knows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from analysis.curves import drawdowns
from analysis.evidence import SHOWN_MIN, Evidence
from analysis.intervals import long_run_variance_ratio, ratio_interval, t_quantile
from analysis.scorekeeper import YARDSTICK, ScoreState
from analysis.significance import shape_of, track_record_sessions_min
from core.market import Floats
from core.scoreboard import AgentScore, KnownSoFar, Outcome, Scoreboard, SessionClose, ShadowBookScore
from core.statistics import SESSIONS_PER_YEAR

CONFIDENCE = 0.95
WEEKDAYS_PER_YEAR = 261
MISSED_SHARE = 0.1
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
    per_year = returns_per_year(closes)
    shown = state.shown_agents()
    agents = dict.fromkeys(heard, Evidence()) | dict(state.agents)
    notes = () if YARDSTICK in state.books else (f"without the book {YARDSTICK} nothing can be judged",)
    return Scoreboard(
        session=state.session,
        yardstick=YARDSTICK,
        shown_min=SHOWN_MIN,
        votes=votes,
        shadow_books=tuple(
            _score(name, state, returns[name], excess[name], per_year[name]) for name in sorted(returns)
        ),
        agents=tuple(
            _agent(name, agents[name], taught[name], weights, counts=votes != "earned" or name in shown)
            for name in sorted(agents)
        ),
        notes=(*notes, *_many_at_once(state)),
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


def returns_per_year(closes: Sequence[SessionClose]) -> Mapping[str, float]:
    """Return how many returns each book has a year: fewer than sessions for one that often missed a close.

    A return over several sessions counts once, so the mean of such returns times 252 would claim too much. A year
    has 261 weekdays, 252 of them sessions.
    """
    days: dict[str, list[str]] = defaultdict(list)
    for close in closes:
        days[close.name].append(close.session)
    made: dict[str, float] = defaultdict(lambda: float(SESSIONS_PER_YEAR))
    for name, of_one in days.items():
        count = len(of_one) - 1
        weekdays = int(np.busday_count(np.datetime64(of_one[0], "D"), np.datetime64(of_one[-1], "D")))
        spanned = weekdays * SESSIONS_PER_YEAR / WEEKDAYS_PER_YEAR
        if spanned > (1 + MISSED_SHARE) * count + 1:  # more than a holiday explains
            made[name] = SESSIONS_PER_YEAR * count / spanned
    return made


def sharpe_with_interval(returns: Floats, per_year: float = SESSIONS_PER_YEAR) -> Interval:
    """Return the Sharpe ratio a year and its 95 % interval by `ratio_interval`."""
    shape, between = shape_of(returns), ratio_interval(returns, confidence=CONFIDENCE)
    if shape is None or between is None:
        return UNKNOWN
    year = math.sqrt(per_year)
    return shape.ratio * year, between.low * year, between.high * year


def mean_with_interval(returns: Floats, per_year: float = SESSIONS_PER_YEAR) -> Interval:
    """Return the mean a year, a fraction, and its 95 % interval, by Student's t.

    Where returns follow one another (positive autocorrelation) it is as much wider as the variance of the mean is
    larger then.
    """
    if len(returns) < 3:
        return UNKNOWN
    mean = float(returns.mean()) * per_year
    deviation = float(returns.std(ddof=1)) * math.sqrt(long_run_variance_ratio(returns))
    error = t_quantile(len(returns), CONFIDENCE) * deviation / math.sqrt(len(returns)) * per_year
    return mean, mean - error, mean + error


def sessions_until_known(excess: Floats) -> int | None:
    """Return how many more sessions it takes until a single look at 95 % would tell a Sharpe ratio from 0.

    If they are like these: an estimate, which says nothing by being 0. What is known however often one looks is
    the evidence. The minimum track record length less the sessions there are; None where the ratio is not above
    0.
    """
    needed = track_record_sessions_min(excess)
    return None if needed is None else max(0, needed - len(excess))


def _many_at_once(state: ScoreState) -> tuple[str, ...]:
    """Say what being shown is worth among many, where somebody is."""
    judged = [one.evidence for name, one in state.books.items() if name != YARDSTICK] + list(
        state.agents.values()
    )
    if len(judged) < 2 or all(one.e_value < SHOWN_MIN for one in judged):
        return ()
    return (
        f"{len(judged)} books and agents are judged at once: without any edge each has a chance of 1 in "
        f"{SHOWN_MIN:.0f} to be shown, so one of them may be by chance; from an evidence of "
        f"{SHOWN_MIN * len(judged):.0f} on that chance is 1 in {SHOWN_MIN:.0f} for all of them together",
    )


def _score(
    name: str, state: ScoreState, returns: Mapping[str, float], excess: Floats, per_year: float
) -> ShadowBookScore:
    own = np.array(list(returns.values()))
    judged = name in state.books and name != YARDSTICK
    sharpe, mean = (
        sharpe_with_interval(own, per_year),
        mean_with_interval(excess, per_year) if judged else UNKNOWN,
    )
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
