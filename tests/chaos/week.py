"""One chaotic week: the world moves, things go wrong, the engine is killed and started again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from scheduler.alarms import Alarms
from tests.chaos.hosts import BOTH, AccountSnapshot, Host
from tests.chaos.kills import Killed, NotStarted
from tests.chaos.watches import BareWatch, FlattenWatch
from tests.chaos.world import World

FAULTS_IN_A_ROW = "steps failed in a row"
KILLS_A_MOMENT, KILLS_A_START = 0.025, 0.15
DOWN_MOMENTS = (1, 1, 2, 3, 6, 12, 40, 90)
SUSPENDS_A_MOMENT, ASLEEP_MOMENTS = 0.006, (1, 2, 12, 90)
OPENS_BEFORE, CLOSES_AFTER = timedelta(minutes=31), timedelta(minutes=1)


@dataclass(kw_only=True)
class Week:
    """Drives one engine through a world.

    Parameters
    ----------
    sessions : int
        How many sessions are lived through, at most `market.SESSIONS`.

    Attributes
    ----------
    kills : Counter
        How often the process ended, by where.
    flattens : Counter
        How often a flatten was asked for, was done, and was given up by a person while in progress.
    """

    seed: int
    world: World
    host: Host
    sessions: int
    kills: Counter[str] = field(default_factory=Counter)
    moments: int = 0
    resumes: int = 0
    flattens: Counter[str] = field(default_factory=Counter)
    bare: BareWatch = field(default_factory=BareWatch)

    def __post_init__(self) -> None:
        self._flatten = FlattenWatch(self.seed, self.sessions)
        self._last_opens = self.world.market.sessions[self.sessions - 1][1]
        self._dice = Random(f"week {self.seed}")
        self._alarms = Alarms(BOTH)
        self._down = self._asleep = 0
        self._awake_at: datetime | None = None

    def live(self) -> None:
        """Live through the sessions; at the end nothing goes wrong any more and the engine starts once again."""
        days = self.world.market.sessions
        at, ends_at = days[0][1] - OPENS_BEFORE, days[self.sessions - 1][2] + CLOSES_AFTER
        self.world.open(at)
        running = self._begin(at)
        while (due := self._alarms.soonest(at))[0] <= ends_at:
            at, names = due
            self.world.move(at)
            self.world.mishap()
            if self._asleep:
                self._asleep -= 1
            elif running:
                running = self._moment(at, names)
            else:
                self._down -= 1
                running = self._down <= 0 and self._begin(at)
        self._end(days[self.sessions][1] - OPENS_BEFORE)

    def _moment(self, at: datetime, names: tuple[str, ...]) -> bool:
        self.moments += 1
        if self._dice.random() < KILLS_A_MOMENT:
            self.host.arm()
        try:
            if self._awake_at is not None:
                self.world.came["suspend"] += 1
                self._look(at, self.host.wake(self._awake_at, at))
            if self._flatten.is_due(self.moments):
                self.flattens["asked"] += 1
                self._flatten.ask(self.host.flatten)
            self._look(at, self.host.live(at, names))
        except Killed as killed:
            return self._killed(at, killed)
        finally:
            self._awake_at = None
        answers = self.world.answers(at) and not self.world.market.feed_fails(at)
        self.bare.look(at, self.world.admin.book(), answers=answers)
        if self._dice.random() < SUSPENDS_A_MOMENT:
            self._asleep, self._awake_at = self._dice.choice(ASLEEP_MOMENTS), at
        return True

    def _begin(self, at: datetime) -> bool:
        if self.kills and self._dice.random() < KILLS_A_START:
            self.host.arm()
        try:
            self._look(at, self.host.begin(at))
        except Killed as killed:
            return self._killed(at, killed)
        except NotStarted:
            return False
        return True

    def _killed(self, at: datetime, killed: Killed) -> bool:
        """Start again at once, or stay down for a while, at times into another session."""
        self.kills[str(killed)] += 1
        if self._dice.random() < 0.5:
            return self._begin(at)
        self._down = self._dice.choice(DOWN_MOMENTS)
        return False

    def _look(self, at: datetime, standing: AccountSnapshot) -> None:
        """Be the person: resume after faults in a row, and after a flatten; nothing else may have stopped it."""
        if self._flatten.asked:
            late = at >= self._last_opens
            if not self._flatten.is_over(standing, self.world.admin.book, late=late):
                return
            self.flattens["left in progress" if standing.flattening else "flat"] += 1
        elif standing.state == "active":
            return
        else:
            assert FAULTS_IN_A_ROW in standing.reason, f"seed {self.seed}: {standing.state}: {standing.reason}"
        self.resumes += 1
        if self.host.resume().state == "active":
            self._flatten.resumed()

    def _end(self, at: datetime) -> None:
        self.world.calm()
        self.world.move(at)
        self.host.drop()
        self._look(at, self.host.begin(at))
        for minutes in (6, 11):
            later = at + timedelta(minutes=minutes)
            self.world.move(later)
            self._look(later, self.host.live(later, ("cron_risk_check",)))
        self.host.end()
