"""The letter of a session: what was done, at what price, against what was assumed, and what is known by now.

Costs in basis points are against the price the decision stood on: positive is worse. Money is US dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class FillLine(Struct, frozen=True, kw_only=True):
    """A fill against its order's reference price.

    Attributes
    ----------
    over_assumed_bps : float or None
        By how much it cost more than a backtest assumes; None in a letter of an earlier release.
    """

    symbol: str
    side: str
    quantity: float
    price: float
    reference_price: float
    cost_bps: float
    fee: float
    rule: str
    over_assumed_bps: float | None = None


class Costs(Struct, frozen=True, kw_only=True):
    """What trading cost against what the backtest assumes; weighted by value.

    Attributes
    ----------
    seen_bps : float or None
        None without a fill.
    """

    fills: int
    value_usd: float
    assumed_bps: float
    seen_bps: float | None
    cost_usd: float
    fees_usd: float


class Cause(Struct, frozen=True, kw_only=True):
    """A part of the tracking difference; money where it can be told, else a count in words."""

    name: str
    usd: float | None
    note: str


class Tracking(Struct, frozen=True, kw_only=True):
    """The account against the same profile on paper, step by step on what the account saw.

    Attributes
    ----------
    against : str
        The shadow book; empty where none is of the account's profile.
    steps, equal_steps, alike_steps : int
        Of the session, how many of them the book decided just so, and in how many both sent orders for the same
        names on the same sides; a broker's own prices make other quantities, and so other steps, of the same.
    first_difference : str
        Of the session's steps; empty when there is none.
    difference_usd : float or None
        To date, on the account's equity at the first close of both; the causes and `rest` sum to it.
    """

    against: str
    steps: int = 0
    equal_steps: int = 0
    alike_steps: int = 0
    first_difference: str = ""
    account_return: float | None = None
    shadow_book_return: float | None = None
    difference_usd: float | None = None
    causes: Sequence[Cause] = ()


class RefusedLine(Struct, frozen=True, kw_only=True):
    """An order that a limit stopped or that came to nothing at the broker."""

    symbol: str
    side: str
    reason: str
    times: int


class HeldLine(Struct, frozen=True, kw_only=True):
    """A position, and the prices at which it is closed; None where no rule holds.

    Attributes
    ----------
    stop_rests_at : str
        Who holds the stop when the engine is gone; empty when nobody does.
    """

    symbol: str
    quantity: float
    last_price: float
    value_usd: float
    profit_pct: float
    stop_price: float | None
    target_price: float | None
    stop_rests_at: str = ""


class OrderLine(Struct, frozen=True, kw_only=True):
    """An order that was sent, or that the last decision would send."""

    symbol: str
    side: str
    quantity: float
    reference_price: float
    rule: str
    status: str


class ShadowBookDay(Struct, frozen=True, kw_only=True):
    """A book's session."""

    name: str
    equity: float
    return_day: float | None
    excess_day: float | None
    e_value: float | None
    state: str


class AgentDay(Struct, frozen=True, kw_only=True):
    """How often an agent was heard in the session's decisions.

    Attributes
    ----------
    spoke, abstained : int
        Decisions with a score of it, and decisions in which it said nothing at all.
    reasons : sequence of str
        Why it abstained, each once, the most frequent first.
    """

    name: str
    spoke: int
    abstained: int
    reasons: Sequence[str]


class Letter(Struct, frozen=True, kw_only=True):
    """The letter of a session.

    Attributes
    ----------
    steps, decisions : int
        Steps about their own moment, and those of them that decided.
    proven_steps : int
        How many of them follow from the record before: the portfolio from the step before and what was settled,
        the decision's id from all it was made from.
    unproven : sequence of str
        Decisions that do not.
    missed : sequence of str
        Stretches of the session without a step, and what was stale or faulty.
    tomorrow : sequence of OrderLine
        What the last decision after the close would send.
    """

    session: str
    written_at: str
    route: str
    profile: str
    state: str
    equity: float
    equity_before: float | None
    return_day: float | None
    paid_in: float
    steps: int
    decisions: int
    proven_steps: int
    unproven: Sequence[str]
    sent: Sequence[OrderLine]
    refused: Sequence[RefusedLine]
    fills: Sequence[FillLine]
    costs_day: Costs
    costs_to_date: Costs
    tracking: Tracking
    missed: Sequence[str]
    shadow_books: Sequence[ShadowBookDay]
    held: Sequence[HeldLine]
    tomorrow: Sequence[OrderLine]
    notes: Sequence[str]
    agents: Sequence[AgentDay] = ()  # letters of before had none


class LetterQueries(Protocol):
    """Letters, by session; safe from any thread."""

    def write_letter(self) -> Letter:
        """Write the letter of the last session that began, and keep it; the same again writes it anew."""
        ...

    def letter(self, session: str) -> Letter | None:
        """Return a letter that was written (ISO date; empty for the newest); None when there is none."""
        ...

    def sessions(self) -> Sequence[str]:
        """Return the sessions that have a letter, ISO dates, newest first."""
        ...

    def page(self, letter: Letter) -> str:
        """Return a letter as one HTML page without any outside file."""
        ...

    def text(self, letter: Letter) -> str:
        """Return a letter as a short text for a message."""
        ...
