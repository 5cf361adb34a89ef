"""Evidence kept session by session: for every book against the yardstick, for every agent against the universe.

A session is closed by the first step that knows its bar. Books: equity from close to close, what a person paid in
taken out, less the yardstick's over the same span. Agents: what one said at a close is held from the next opening
to the opening after, as an order would be: long what it ranked high, short what it ranked low, so that the
universe's own move has no part in it. An agent that says the same of every stock ranks nothing, and nothing is
learnt of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct, field

from analysis.capital import Capital, CapitalRule, after_session
from analysis.evidence import DEFAULT_RULE, Evidence, EvidenceRule, EvidenceState, update
from core.market import BarPanel, Floats, MarketView
from core.market_analysis import Signal
from core.scoreboard import Outcome, ScoredKind
from core.statistics import NAMES_MIN, unit_ranks

YARDSTICK = "baseline"
SESSIONS_SAID_KEPT = 3
Scores = Mapping[str, float]


class SessionSeen(Struct, frozen=True, kw_only=True):
    """What a session's close shows.

    Attributes
    ----------
    session : str
        ISO date.
    equity : mapping of str to float
        Of every book that took the step, US dollars.
    paid_in_total : mapping of str to float
        What a person paid in less what was taken out, ever, US dollars; 0 for a book that is left out.
    said : mapping of str to mapping of str to float
        Each agent's score by symbol, now.
    judged_session : str
        The session whose sayings `opens` judge: the second before; empty for none.
    opens : mapping of str to float
        By symbol, the return from the opening after `judged_session` to the opening of this one.
    """

    session: str
    equity: Mapping[str, float]
    paid_in_total: Mapping[str, float] = field(default_factory=dict)
    said: Mapping[str, Scores] = field(default_factory=dict)
    judged_session: str = ""
    opens: Scores = field(default_factory=dict)


class ScoredAccount(Struct, frozen=True, kw_only=True):
    """A book at its last close, what was paid in by then, the yardstick then, and the evidence so far."""

    equity: float
    yardstick: float
    paid_in_total: float = 0.0
    evidence: Evidence = Evidence()


class ScoreState(Struct, frozen=True, kw_only=True):
    """All that the next session builds on; a ledger carries it as it is.

    Attributes
    ----------
    session : str
        The last one closed; empty before the first.
    said : mapping of str to mapping of str to mapping of str to float
        By session, agent and symbol, of the last sessions.
    capital_before, shown_before : Capital, tuple of str
        As they were before the last session was closed.
    """

    session: str = ""
    books: Mapping[str, ScoredAccount] = field(default_factory=dict)
    agents: Mapping[str, Evidence] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    capital: Capital = Capital()
    capital_before: Capital = Capital()
    shown_before: tuple[str, ...] = ()

    def shown_agents(self) -> tuple[str, ...]:
        """Return the agents whose edge is shown."""
        return tuple(sorted(n for n, evidence in self.agents.items() if evidence.state is EvidenceState.SHOWN))

    def shown_ahead_of(self, session: str) -> tuple[str, ...]:
        """Return the agents shown before a session was over: the same in all decisions on its bar."""
        return self.shown_agents() if self.session < session else self.shown_before

    def capital_ahead_of(self, session: str) -> Capital:
        """Return who had what before a session was over: the same in all decisions on its bar."""
        return self.capital if self.session < session else self.capital_before


def seen_at(
    view: MarketView, equity: Mapping[str, float], paid_in_total: Mapping[str, float], said: Iterable[Signal]
) -> SessionSeen:
    """Return what a view's last session shows."""
    scores: dict[str, dict[str, float]] = {}
    for signal in said:
        scores.setdefault(signal.agent, {})[signal.symbol] = signal.score
    bars = view.bars
    judged = str(bars.sessions[-3])[:10] if view.row >= 2 else ""
    opens = _held_over(bars) if judged else np.empty(0)
    return SessionSeen(
        session=str(view.session)[:10],
        equity=equity,
        paid_in_total=paid_in_total,
        said=scores,
        judged_session=judged,
        opens={
            symbol: float(opens[column])
            for symbol, column in bars.column.items()
            if judged and np.isfinite(opens[column])
        },
    )


def _held_over(bars: BarPanel) -> Floats:
    """Return what holding each symbol from the opening before to the last one made, shape (N,).

    One that has no opening any more counts at the close before: left out, an agent that liked what was delisted
    or halted would be judged without it.
    """
    ends = np.where(np.isfinite(bars.open[-1]), bars.open[-1], bars.close[-2])
    return np.asarray(ends / bars.open[-2] - 1.0)


def close_session(
    state: ScoreState,
    seen: SessionSeen,
    *,
    capital_rule: CapitalRule,
    rule: EvidenceRule = DEFAULT_RULE,
) -> tuple[ScoreState, tuple[Outcome, ...]]:
    """Return the state after a session, and what it taught."""
    books, book_outcomes, growth = _books(state, seen, rule)
    agents, agent_outcomes = _agents(state, seen, rule)
    said = {**state.said, seen.session: seen.said}
    before = state.capital if state.session else capital_rule.opening()
    after = ScoreState(
        session=seen.session,
        books=books,
        agents=agents,
        said=dict(sorted(said.items())[-SESSIONS_SAID_KEPT:]),
        capital_before=before,
        shown_before=state.shown_agents(),
        capital=after_session(
            before, growth, {name: standing.evidence.state for name, standing in books.items()}, capital_rule
        ),
    )
    return after, (*book_outcomes, *agent_outcomes)


def rank_excess(scores: Scores, returns: Scores) -> float:
    """Return what a portfolio by rank earned: 1 dollar in all, half of it long, half short; NaN without ranks.

    Parameters
    ----------
    scores, returns : mapping of str to float
        By symbol; only symbols in both count.
    """
    names = sorted(symbol for symbol in scores if symbol in returns)
    if len(names) < NAMES_MIN:
        return float("nan")
    said = np.array([[scores[name] for name in names]])
    ranks = unit_ranks(said, np.isfinite(said))[0]
    total = float(np.abs(ranks).sum())
    if not np.isfinite(total) or total <= 0:
        return float("nan")
    return float(ranks @ np.array([returns[name] for name in names]) / total)


def _books(
    state: ScoreState, seen: SessionSeen, rule: EvidenceRule
) -> tuple[dict[str, ScoredAccount], list[Outcome], dict[str, float]]:
    yardstick = seen.equity.get(YARDSTICK)
    books, outcomes, growth = dict(state.books), [], {}
    for name, equity in sorted(seen.equity.items()):
        if yardstick is None:  # without it no book is closed: the next close judges the whole span
            break
        last, paid = state.books.get(name), seen.paid_in_total.get(name, 0.0)
        evidence = Evidence()
        if last is not None and last.equity > 0:
            own = (equity - (paid - last.paid_in_total)) / last.equity
            excess = own - yardstick / last.yardstick
            growth[name] = max(0.0, own) * last.yardstick / yardstick
            evidence = last.evidence
            if name != YARDSTICK:
                evidence = update(evidence, excess, rule)
                outcomes.append(_outcome(seen.session, "book", name, excess, evidence))
        books[name] = ScoredAccount(equity=equity, yardstick=yardstick, paid_in_total=paid, evidence=evidence)
    return books, outcomes, growth


def _agents(
    state: ScoreState, seen: SessionSeen, rule: EvidenceRule
) -> tuple[dict[str, Evidence], list[Outcome]]:
    agents = {**dict.fromkeys(seen.said, Evidence()), **state.agents}
    outcomes = []
    for name, scores in sorted(state.said.get(seen.judged_session, {}).items()):
        excess = rank_excess(scores, seen.opens)
        if np.isfinite(excess):
            agents[name] = update(agents.get(name, Evidence()), excess, rule)
            outcomes.append(_outcome(seen.session, "agent", name, excess, agents[name]))
    return agents, outcomes


def _outcome(session: str, kind: ScoredKind, name: str, excess: float, evidence: Evidence) -> Outcome:
    return Outcome(
        session=session,
        kind=kind,
        name=name,
        excess_return=excess,
        e_value=evidence.e_value,
        e_value_worse=evidence.e_value_worse,
        state=evidence.state.value,
    )
