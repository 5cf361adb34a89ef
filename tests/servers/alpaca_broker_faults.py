"""What goes wrong at the stand-in broker: rates, or named faults for the next requests; all from one seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Rate = float
"""A probability in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class FaultPlan:
    """How often what goes wrong. All rates are 0 by default: a perfect broker that fills at once.

    The REST faults are drawn once a request and exclude each other; their rates should sum to less than 1.
    `only` limits them to requests whose "METHOD /path" starts with one of its entries.

    Attributes
    ----------
    latency_ms_max : int
        Each request waits from 0 to this long, half of them before it is done and half after.
    rate_limited : float
        429 with `Retry-After: retry_after_seconds`; nothing done.
    error_before, error_after : float
        A 500, 502, 503 or 504; before: nothing done; after: done all the same.
    drop_before, drop_after : float
        The connection is closed without an answer; nothing done, or done all the same.
    half_open_before, half_open_after : float
        No answer and the socket stays open; nothing done, or done all the same.
    reject_insufficient, reject_unprocessable : float
        A POST of an order is refused: 403 with code 40310000, or 422 with code 42210000.
    arrives_late : float
        A POST of an order gets no answer and arrives 1 to `late_ticks_max` ticks later.
    slow_cancel : float
        A cancellation is taken, and done only by the next tick.
    rejected_later : float
        An order is accepted and then rejected at the next tick.
    unfilled, partial, waits : float
        An order is never filled (it expires at the close); is filled in two to four parts over the ticks to
        come; is filled whole at a tick to come.
    same_instant : float
        The parts come in one instant, so that their order is not told by their times.
    late_activity : float
        A fill's activity is listed only one to three ticks after the order and the position show it.
    duplicate_event, lost_event, shuffled_events : float
        A stream event is sent twice; is never sent; is sent after the one that follows it.
    stream_cut, stream_frozen : float
        After an event the stream's connection is cut; or goes silent, pings unanswered, with its socket open.
    """

    latency_ms_max: int = 0
    retry_after_seconds: int = 0
    rate_limited: Rate = 0.0
    error_before: Rate = 0.0
    error_after: Rate = 0.0
    drop_before: Rate = 0.0
    drop_after: Rate = 0.0
    half_open_before: Rate = 0.0
    half_open_after: Rate = 0.0
    only: tuple[str, ...] = ()
    reject_insufficient: Rate = 0.0
    reject_unprocessable: Rate = 0.0
    arrives_late: Rate = 0.0
    late_ticks_max: int = 3
    slow_cancel: Rate = 0.0
    rejected_later: Rate = 0.0
    unfilled: Rate = 0.0
    partial: Rate = 0.0
    waits: Rate = 0.0
    same_instant: Rate = 0.0
    late_activity: Rate = 0.0
    duplicate_event: Rate = 0.0
    lost_event: Rate = 0.0
    shuffled_events: Rate = 0.0
    stream_cut: Rate = 0.0
    stream_frozen: Rate = 0.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> FaultPlan:
        """Make a plan of JSON; an unknown name is an error."""
        unknown = set(values) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        return cls(**{**values, "only": tuple(values.get("only", ()))})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


REQUEST_FAULTS = (
    "rate_limited", "error_before", "error_after", "drop_before", "drop_after", "half_open_before",
    "half_open_after",
)  # fmt: skip
REFUSALS = ("reject_insufficient", "reject_unprocessable")
ORDER_FAULTS = (*REFUSALS, "arrives_late")


@dataclass(kw_only=True)
class Scripted:
    """A fault for the next `count` requests whose "METHOD /path" starts with `request`."""

    request: str
    fault: str
    count: int = 1

    def __post_init__(self) -> None:
        if self.fault not in (*REQUEST_FAULTS, *ORDER_FAULTS):
            raise ValueError(f"no such fault for a request: {self.fault}")


@dataclass
class Faults:
    """Draws what goes wrong. Each draw depends on the seed, on what it is for and on how often that came.

    Attributes
    ----------
    drawn : Counter
        What went wrong so far, by name.
    """

    seed: int = 0
    plan: FaultPlan = field(default_factory=FaultPlan)
    scripted: list[Scripted] = field(default_factory=list)
    drawn: Counter[str] = field(default_factory=Counter)
    _times: Counter[str] = field(default_factory=Counter)

    def dice(self, purpose: str) -> random.Random:
        """Give fresh randomness for a purpose; the same seed and history give the same."""
        self._times[purpose] += 1
        return random.Random(f"{self.seed}:{purpose}:{self._times[purpose]}")

    def of_request(self, method: str, path: str) -> tuple[str, random.Random]:
        """Say which fault befalls a request (empty for none), with its dice."""
        asked = f"{method} {path}"
        dice = self.dice(asked)
        fault = self._next_scripted(asked) or self._drawn(asked, dice)
        if fault:
            self.drawn[fault] += 1
        return fault, dice

    def happens(self, name: str, dice: random.Random) -> bool:
        """Draw one of the plan's rates."""
        came = bool(dice.random() < getattr(self.plan, name))
        if came:
            self.drawn[name] += 1
        return came

    def _next_scripted(self, asked: str) -> str:
        for script in self.scripted:
            if asked.startswith(script.request):
                script.count -= 1
                if not script.count:
                    self.scripted.remove(script)
                return script.fault
        return ""

    def _drawn(self, asked: str, dice: random.Random) -> str:
        if self.plan.only and not asked.startswith(self.plan.only):
            return ""
        names = REQUEST_FAULTS + (ORDER_FAULTS if asked == "POST /v2/orders" else ())
        number = dice.random()
        for name in names:
            number -= getattr(self.plan, name)
            if number < 0:
                return name
        return ""
