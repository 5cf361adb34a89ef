"""The world around the engine: clock, prices, faults and hands at the broker, all from the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from core.times import NEW_YORK
from tests.chaos.market import SESSIONS, SYMBOLS, WEEKS, Market, Split
from tests.chaos.outside import Admin, Outside

POST_FAULTS = (
    "error_before", "error_after", "drop_before", "drop_after", "rate_limited", "reject_insufficient",
    "reject_unprocessable",
)  # fmt: skip
REQUEST_RATES = ("rate_limited", "error_before", "error_after", "drop_before", "drop_after")
ORDER_RATES = {
    "rejected_later": 0.06, "unfilled": 0.08, "partial": 0.4, "waits": 0.3, "same_instant": 0.4,
    "late_activity": 0.3, "arrives_late": 0.04, "slow_cancel": 0.2, "reject_insufficient": 0.03,
    "reject_unprocessable": 0.03,
}  # fmt: skip
STREAM_RATES = {
    "duplicate_event": 0.2, "lost_event": 0.2, "shuffled_events": 0.2, "stream_cut": 0.02, "stream_frozen": 0.005,
}  # fmt: skip
OUTAGE = {"error_before": 1.0}
OPEN = ("new", "accepted", "partially_filled")
OUTAGE_MOMENTS = (2, 5, 9, 13)
"""The last is longer than an hour."""
OFFSETS_SECONDS = (0.0, 0.0, 0.1, -0.1, 2.0, -2.0, 5.0, -5.0, 30.0, -30.0, 120.0, -120.0)
"""By how much the broker's clock is ahead of the engine's, one a week."""


class World:
    """Moves the broker's clock and prices, and lets go wrong what the seed says.

    Parameters
    ----------
    latency_ms_max : int
        Of each request; 0 where the engine's process is this one.

    Attributes
    ----------
    came : Counter
        What happened beside the broker's own faults.
    """

    def __init__(self, seed: int, admin: Admin, *, latency_ms_max: int) -> None:
        self._dice = Random(f"world {seed}")
        first = WEEKS[seed % len(WEEKS)]
        self._split = _split(Market(seed, first), self._dice)
        self.market = Market(seed, first, self._split)
        self.admin = admin
        self.plan = {**_rates(self._dice), "latency_ms_max": latency_ms_max}
        self.came: Counter[str] = Counter()
        self._outage = 0
        self._outside = Outside(seed, admin)
        self._offset = timedelta(seconds=self._dice.choice(OFFSETS_SECONDS))
        self._day: date | None = None

    def open(self, at: datetime) -> None:
        """Begin: the broker's calendar, its first prices and its faults."""
        sessions = {day: closes for day, _, closes in self.market.sessions}
        days = [self.market.sessions[0][0] + timedelta(days=n) for n in range(14)]
        within = [day for day in days if day <= self.market.sessions[-1][0] and day.weekday() < 5]
        half = [day for day, closes in sessions.items() if closes.astimezone(NEW_YORK).hour < 16]
        self.admin.call(
            "settings",
            closed=[str(day) for day in within if day not in sessions],
            half_days=[str(day) for day in half],
        )
        self.move(at)
        self.admin.call("faults", plan=self.plan)

    def move(self, at: datetime) -> None:
        """Stand at a moment, with its prices; a new day may bring a split or a dividend."""
        day = at.astimezone(NEW_YORK).date()
        if day != self._day:
            self._day = day
            self.admin.call("tick", now=self._theirs(at))  # a split is dated on its day, before it trades
            self._new_day(day)
        prices = {name: str(price) for name, price in self.market.prices(at).items()}
        self.admin.call("tick", now=self._theirs(at), prices=prices)

    def mishap(self) -> None:
        """Let go wrong what this moment brings."""
        if self._dice.random() < 0.06:
            fault, count = self._dice.choice(POST_FAULTS), self._dice.randint(1, 3)
            self.admin.call("faults", next=[{"request": "POST /v2/orders", "fault": fault, "count": count}])
        if self._dice.random() < 0.03:
            self._by_hand()
        if came := self._outside.happen():
            self.came[came] += 1
        if self._outage:
            self._outage -= 1
            if not self._outage:
                self.admin.call("faults", plan=self.plan)
        elif self._dice.random() < 0.004:
            self._outage = self._dice.choice(OUTAGE_MOMENTS)
            self.came["outage"] += 1
            self.admin.call("faults", plan=OUTAGE)

    def answers(self, at: datetime) -> bool:
        """Say whether the broker answers and takes orders, in a session or before it: only then do jobs step."""
        steps = any(day == at.date() and at < closes for day, _, closes in self.market.sessions)
        return steps and not (self._outage or self._outside.blocked)

    def calm(self) -> None:
        """Let nothing go wrong from here on."""
        self._outage = 0
        self._outside.calm()
        self.admin.call("calm")

    def _theirs(self, at: datetime) -> str:
        return (at + self._offset).isoformat()

    def _new_day(self, day: date) -> None:
        if self._split is not None and day == self._split.session:
            self.came["split"] += 1
            self.admin.call("split", symbol=self._split.symbol, ratio=str(self._split.ratio))

    def _by_hand(self) -> None:
        """A person replaces an open order at the broker by an equal one."""
        rows: list[Any] = [
            row
            for row in self.admin.book()["orders"]
            if row["status"] in OPEN and not (row["side"] == "buy" and row["time_in_force"] == "gtc")  # his own
        ]
        if rows:
            row = self._dice.choice(rows)
            # where the engine is a process of its own, the order may have ended since the book was read
            done = self.admin.call("replace", client_order_id=row["client_order_id"], qty=row["qty"])
            self.came["replaced by hand"] += done["replaced"]


def _rates(dice: Random) -> Mapping[str, Any]:
    """Draw how much goes wrong in this week."""
    heat = dice.choice((0.3, 1.0, 2.0))
    rates: dict[str, Any] = {name: dice.uniform(0, 0.015) * heat for name in REQUEST_RATES}
    rates |= {name: dice.uniform(0, 0.0006) * heat for name in ("half_open_before", "half_open_after")}
    return rates | {name: dice.uniform(0, rate) for name, rate in (ORDER_RATES | STREAM_RATES).items()}


def _split(market: Market, dice: Random) -> Split | None:
    """Draw a split overnight; in every second week there is one."""
    if dice.random() < 0.5:
        return None
    return Split(
        symbol=dice.choice(SYMBOLS),
        session=market.sessions[dice.randint(1, SESSIONS - 1)][0],
        ratio=dice.choice((Decimal(2), Decimal(4), Decimal("0.5"))),
    )
