"""The scoreboard: every book against the yardstick, every agent against the universe, and what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

ScoredKind = Literal["book", "agent"]


class Outcome(Struct, frozen=True, kw_only=True):
    """What a session taught of a book or an agent; the evidence is the fold of its excess returns.

    Attributes
    ----------
    session : str
        ISO date of the close that showed it.
    excess_return : float
        Over the yardstick, a fraction.
    e_value, e_value_worse : float
        Evidence after it that the mean excess is above, or below, 0; 1 is none.
    state : str
        `shown`, `shown to be worse` or `not known`.
    """

    session: str
    kind: ScoredKind
    name: str
    excess_return: float
    e_value: float
    e_value_worse: float
    state: str


class SessionClose(Struct, frozen=True, kw_only=True):
    """A book's equity at a session's close and what a person paid in since the close before, US dollars."""

    session: str
    name: str
    equity: float
    paid_in: float = 0.0


class KnownSoFar(Struct, frozen=True, kw_only=True):
    """The evidence on a book or an agent after so many sessions."""

    sessions: int = 0
    e_value: float = 1.0
    e_value_worse: float = 1.0
    state: str = "not known"


class ShadowBookScore(Struct, frozen=True, kw_only=True):
    """How a book has done.

    Attributes
    ----------
    sessions : int
        Returns there are.
    return_last, return_total : float or None
        Of the last session and of all, fractions.
    sharpe, sharpe_low, sharpe_high : float or None
        A year, with its 95 % interval.
    excess, excess_low, excess_high : float or None
        Mean return over the yardstick's a year, a fraction, with its 95 % interval.
    drawdown_max : float or None
        Largest fall from a peak, at or below 0.
    sessions_left : int or None
        How many more sessions like these it takes until a single look at 95 % would tell the excess from 0
        (minimum track record length); None where they show no excess. What is known is the evidence.
    evidence : KnownSoFar or None
        None for the yardstick itself.
    """

    name: str
    sessions: int
    return_last: float | None = None
    return_total: float | None = None
    sharpe: float | None = None
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    excess: float | None = None
    excess_low: float | None = None
    excess_high: float | None = None
    drawdown_max: float | None = None
    sessions_left: int | None = None
    evidence: KnownSoFar | None = None


class AgentScore(Struct, frozen=True, kw_only=True):
    """How what an agent said has done against the universe.

    Attributes
    ----------
    weight : float
        Of its vote in the settings; 0 for one that has none.
    counts : bool
        Whether that weight counts now.
    excess, excess_low, excess_high : float or None
        Mean return a year of a portfolio by its ranks, a fraction, with its 95 % interval.
    """

    name: str
    weight: float
    counts: bool
    evidence: KnownSoFar
    excess: float | None = None
    excess_low: float | None = None
    excess_high: float | None = None


class Scoreboard(Struct, frozen=True, kw_only=True):
    """All books and agents after the last session that was closed.

    Attributes
    ----------
    session : str
        ISO date; empty before the first close.
    yardstick : str
        The book that the others are judged by.
    shown_min : float
        Evidence from which a claim counts as shown.
    votes : str
        `runbook` or `earned`.
    shadow_books : sequence of ShadowBookScore
        And the account itself, `account`.
    notes : sequence of str
        What is missing, and what being shown is worth among many.
    """

    session: str = ""
    yardstick: str = "baseline"
    shown_min: float = 20.0
    votes: str = "runbook"
    shadow_books: Sequence[ShadowBookScore] = ()
    agents: Sequence[AgentScore] = ()
    notes: Sequence[str] = ()


class EvidenceQueries(Protocol):
    """The evidence's read side; safe from any thread."""

    def scoreboard(self) -> Scoreboard:
        """Return the scoreboard after the last session that was closed; an empty one before the first."""
        ...


class NullEvidence:
    """Null object: no shadow book runs."""

    def scoreboard(self) -> Scoreboard:
        """Return an empty scoreboard."""
        return Scoreboard(notes=("no shadow book runs",))
