"""What is held against the law in every cycle of a week: how long a position is bare, and what a flatten says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

from tests.chaos.hosts import AccountSnapshot
from tests.chaos.verdict import bare_symbols, by_hand
from tests.servers.alpaca_broker_faults import ORDER_FAULTS, REQUEST_FAULTS

BARE_CYCLES_MAX = 2
FLATTENS_A_WEEK = 0.5
MOMENTS_A_DAY, FLATTEN_AFTER_MOMENTS = 50, 30
OPEN = ("new", "accepted", "partially_filled")


class BareWatch:
    """Counts the cycles in a row that leave a position without a stop at the broker while it answers.

    Attributes
    ----------
    cycles : int
        How many cycles with something held have been looked at.
    broken : list of str
        Each symbol and moment at which it was bare for too long.
    """

    def __init__(self) -> None:
        self.cycles = 0
        self.broken: list[str] = []
        self._in_a_row: Counter[str] = Counter()
        self._faults = 0

    def look(self, at: datetime, book: Any, *, answers: bool) -> None:
        """Look at the broker's book after a cycle; one in which a request failed counts for nothing."""
        faults = sum(book["faults_drawn"].get(name, 0) for name in (*REQUEST_FAULTS, *ORDER_FAULTS))
        failed, self._faults = faults != self._faults, faults
        bare = bare_symbols(book)
        self._in_a_row = Counter({name: self._in_a_row[name] for name in bare})
        if failed or not answers:
            return
        self.cycles += bool(book["positions"])
        self._in_a_row.update(bare)
        self.broken += [
            f"{name} had no stop for {count} cycles in a row at {at:%m-%d %H:%M}"
            for name, count in self._in_a_row.items()
            if count == BARE_CYCLES_MAX + 1
        ]


class FlattenWatch:
    """A person's flatten at a moment that the seed draws, in every second week, and the resume after it.

    Attributes
    ----------
    asked : bool
        Whether it was asked for and no resume has followed.
    """

    def __init__(self, seed: int, sessions: int) -> None:
        dice = Random(f"flatten {seed}")
        wanted = dice.random() < FLATTENS_A_WEEK
        last = max(FLATTEN_AFTER_MOMENTS, MOMENTS_A_DAY * (sessions - 2))
        self._from_moment = dice.randint(FLATTEN_AFTER_MOMENTS, last) if wanted else None
        self._taken = self.asked = False

    def is_due(self, moment: int) -> bool:
        """Say whether the person asks now: again until an answer, or the state, shows that it was taken."""
        return not self._taken and self._from_moment is not None and moment >= self._from_moment

    def ask(self, flatten: Callable[[], AccountSnapshot]) -> None:
        """Ask; the process may end in it."""
        self.asked = True
        self._taken = flatten().flattening

    def is_over(self, standing: AccountSnapshot, book: Callable[[], Any], *, late: bool) -> bool:
        """Hold what is said against the broker's book; give whether the person resumes now.

        Parameters
        ----------
        late : bool
            The person resumes though it is still in progress.
        """
        self._taken = self._taken or standing.flattening
        if not self._taken:
            return False
        if standing.flattening:
            assert standing.state == "reducing", f"a flatten in progress is {standing.state}: {standing.reason}"
            return late
        found = book()
        opened = [row["client_order_id"] for row in found["orders"] if row["status"] in OPEN and not by_hand(row)]
        assert not found["positions"], f"it says that it is flat and holds {found['positions']}"
        assert not opened, f"it says that it is flat and has open orders: {opened}"
        return True

    def resumed(self) -> None:
        """Take note that the engine trades again."""
        self.asked = False
