"""The account against the same profile on paper: the difference of their returns, and what it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from analysis.letter import Execution, trades_of
from core.letter import Cause
from core.trading import ZERO
from core.types import CashMovement, Side

Closes = Mapping[str, tuple[float, float]]
"""Equity and what was paid in since the close before, by session, oldest first."""


class Activity(NamedTuple):
    """What an account did since a moment.

    Attributes
    ----------
    scale : float
        Dollars of the account for one of this: its equity over this one's at that moment.
    """

    executions: Sequence[Execution]
    movements: Sequence[CashMovement]
    scale: float = 1.0

    @property
    def trades(self) -> Sequence[Execution]:
        """What was bought and sold."""
        return trades_of(self.executions)

    @property
    def cost_usd(self) -> float:
        """What trades cost against the prices their decisions stood on."""
        return self.scale * float(sum((one.cost_usd for one in self.trades), ZERO))

    @property
    def fees_usd(self) -> float:
        """What the broker took."""
        return self.scale * float(sum((one.fill.fee for one in self.trades), ZERO))

    @property
    def paid_usd(self) -> float:
        """Dividends, interest and the like; what a person paid in or out is none of it."""
        return self.scale * float(sum((moved.amount for moved in self.movements if not moved.is_external), ZERO))

    def made(self, last_prices: Mapping[str, Decimal]) -> Mapping[str, float]:
        """Return what each symbol's trades have made by now, at their decisions' prices; 0 without."""
        made: dict[str, float] = defaultdict(float)
        for fill, reference in self.trades:
            moved = fill.quantity * (last_prices[fill.symbol] - reference)
            made[fill.symbol] += self.scale * float(moved if fill.side is Side.BUY else -moved)
        return made


class Disturbances(NamedTuple):
    """What kept the account from doing what it decided.

    Attributes
    ----------
    failed : collection of str
        Symbols of which an order came to nothing at the broker.
    missed, stale : int
        Stretches of the session without a step; steps that left something out as stale, or saw a faulty feed.
    """

    failed: Collection[str] = ()
    missed: int = 0
    stale: int = 0


class ReturnsToDate(NamedTuple):
    """Both returns over the closes they have in common, and both equities at the first."""

    account: float
    other: float
    account_equity: float
    other_equity: float


def returns_to_date(account: Closes, other: Closes) -> ReturnsToDate | None:
    """Return both returns over the closes in common; None with fewer than two of them."""
    both = [session for session in account if session in other]
    if len(both) < 2:
        return None
    first = both[0]
    return ReturnsToDate(_grown(account, both), _grown(other, both), account[first][0], other[first][0])


def causes_of(
    account: Activity,
    other: Activity,
    last_prices: Mapping[str, Decimal],
    difference_usd: float,
    disturbed: Disturbances,
) -> tuple[Cause, ...]:
    """Return what a tracking difference is made of: money line by line, and the rest; they sum to it.

    Slippage is against the prices the decisions stood on. What an order that came to nothing cost is what the
    symbol's trades since have made at those prices, in the account less in the other.

    Parameters
    ----------
    last_prices : mapping of str to Decimal
        Of every symbol that either traded.
    """
    made, its = account.made(last_prices), other.made(last_prices)
    failed = sorted(disturbed.failed)
    told = (
        Cause(
            name="slippage",
            usd=other.cost_usd - account.cost_usd,
            note=_counts(account.trades, other.trades, "fills"),
        ),
        Cause(name="fees", usd=other.fees_usd - account.fees_usd, note="paid to the broker"),
        Cause(
            name="dividends and other cash",
            usd=account.paid_usd - other.paid_usd,
            note=_counts(account.movements, other.movements, "movements"),
        ),
        Cause(
            name="refused",
            usd=sum((made[symbol] - its[symbol] for symbol in failed), 0.0),
            note=f"orders that came to nothing: {', '.join(failed) or 'none'}",
        ),
    )
    known = sum(cause.usd for cause in told if cause.usd is not None)
    return (
        *told,
        Cause(name="missed jobs", usd=None, note=f"{disturbed.missed} stretches of this session without a step"),
        Cause(name="stale data", usd=None, note=f"{disturbed.stale} steps of this session on it"),
        Cause(name="rest", usd=difference_usd - known, note="what the lines above do not tell"),
    )


def _grown(closes: Closes, both: Sequence[str]) -> float:
    sessions, factor, last = list(closes), 1.0, closes[both[0]][0]
    for session in sessions[sessions.index(both[0]) + 1 : sessions.index(both[-1]) + 1]:
        equity, paid_in = closes[session]
        factor, last = factor * (equity - paid_in) / last, equity
    return factor - 1.0


def _counts(mine: Sequence[object], theirs: Sequence[object], what: str) -> str:
    return f"{len(mine)} {what} against {len(theirs)}"
