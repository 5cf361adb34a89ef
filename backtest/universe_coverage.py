"""What a backtest's universe is: dated or picked with hindsight, and how much of it has bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backtest.market import Market

HINDSIGHT = (
    "The universe was picked with hindsight: today's leaders. Absolute returns on it are flattered, the "
    "strategy's and the equal-weight books' alike; compare them with each other, not with SPY."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseCoverage:
    """The universe of a run.

    Attributes
    ----------
    name : str
    dated : bool
        Whether stocks belong only from and to a date; otherwise it was picked with hindsight.
    stocks : int
        All that ever belonged in the span.
    members : float
        How many belonged at a time, on average over the sessions.
    member_days_with_bars : float
        Share of the members' days that have a bar, in [0, 1].
    """

    name: str
    dated: bool
    stocks: int
    members: float
    member_days_with_bars: float

    @property
    def description(self) -> str:
        """The same in words."""
        bars = f"{self.member_days_with_bars:.1%} of the members' days have a bar"
        if not self.dated:
            return f"{HINDSIGHT} Universe {self.name}: {self.stocks} stocks, {bars}."
        return (
            f"The universe {self.name} is dated: only members of the day are ranked, learnt from, entered, drawn "
            f"for the random books and held in equal weight. {self.stocks} stocks, {self.members:.0f} at a time; "
            f"{bars}, and what has none cannot be traded, which flatters where those were the ones that fell."
        )


def coverage_of(name: str, dated: bool, market: Market) -> UniverseCoverage:  # a fact, not a switch
    """Measure a universe over a run's sessions."""
    close = market.close[market.first - 1 :]
    member = np.ones(close.shape, dtype=np.bool_) if market.member is None else market.member[market.first - 1 :]
    return UniverseCoverage(
        name=name,
        dated=dated,
        stocks=int(member.any(axis=0).sum()),
        members=float(member.sum(axis=1).mean()),
        member_days_with_bars=float((np.isfinite(close) & member).sum() / max(int(member.sum()), 1)),
    )
