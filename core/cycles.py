"""The kinds of step there are, as data: which agents give signals, what is decided, and which exit rules hold.

A cycle is recorded by its seven fields. What its kind does is found again by its name in `KINDS`, so that a step
read from an old ledger is decided again by the rules of its kind. A kind that is not in the table cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from core.errors import InvariantError


class ExitRules(StrEnum):
    """Which exit rules hold in a cycle, each by the settings it follows."""

    NONE = "none"
    SWING = "swing_exit"
    RISK_CHECK = "risk_check"
    EVERYTHING = "everything"


class WeightSet(StrEnum):
    """Which of the synthesizer's weights count in a cycle, by the name of the setting."""

    NONE = "none"
    CURRENT = "weights"
    LEGACY = "legacy_weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleKind:
    """What every cycle of one name does.

    Attributes
    ----------
    weight_set : WeightSet
        Weights by which the agents' signals become decisions; NONE where nothing is voted on.
    exit_rules : ExitRules
        Rules that close held positions.
    allocates : bool
        Whether the agent that sizes the whole portfolio gives its targets, where the settings have one.
    can_enter : bool
        Whether a buy may be approved at all; a cycle's `entries` can only narrow it.
    in_session : bool
        Whether it sends only while the exchange is open; else it decides, and what it proposes waits.
    tends_positions : bool
        Whether it looks after what is held without deciding anew: such a step works on a flatten in progress.
    needs_prices : bool
        Whether a sale needs a live price and a state that allows it. Not where a person asked to sell everything.
    """

    weight_set: WeightSet = WeightSet.NONE
    exit_rules: ExitRules = ExitRules.NONE
    allocates: bool = False
    can_enter: bool = True
    in_session: bool = False
    tends_positions: bool = False
    needs_prices: bool = True

    @property
    def decides(self) -> bool:
        """Whether it is a full decision: votes are weighed, and held names are reviewed as candidates."""
        return self.weight_set is not WeightSet.NONE


KINDS = {
    "decide": CycleKind(weight_set=WeightSet.CURRENT, exit_rules=ExitRules.SWING, allocates=True),
    "decide_v2": CycleKind(weight_set=WeightSet.LEGACY, exit_rules=ExitRules.SWING),
    "risk_check": CycleKind(
        exit_rules=ExitRules.RISK_CHECK, can_enter=False, in_session=True, tends_positions=True
    ),
    "flatten": CycleKind(exit_rules=ExitRules.EVERYTHING, can_enter=False, needs_prices=False),
    "sell": CycleKind(can_enter=False, needs_prices=False),
    "regime": CycleKind(),
    "scan": CycleKind(),
    "rank": CycleKind(),
    "predict": CycleKind(),
    "recover": CycleKind(),
    "settle": CycleKind(tends_positions=True),
}
"""Every kind of step, by the name it is recorded under."""
DECISION_CYCLES = tuple(name for name, kind in KINDS.items() if kind.decides)
"""The names of the kinds that decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One step's order: its kind by name, and what this step is asked to do.

    These seven fields are what the ledger holds and what decision ids are derived from: a further field would
    change both. What a kind does belongs into `CycleKind`.

    Attributes
    ----------
    name : str
        The kind, a key of `KINDS`.
    agents : tuple of str
        Which agents give signals, in this order; each by its weight's name.
    entries : bool
        Whether buying is considered at all.
    submits : bool
        Whether approved orders are sent; otherwise they wait for `POST /execute`.
    protects : bool
        Whether the broker is given stops and targets to watch within the daily bars to come. A backtest on
        daily bars does so; the daemon's risk check watches quotes instead.
    as_of : datetime or None
        A past moment to decide at, against an empty portfolio; None for now.
    symbols : tuple of str
        Only these may be decided on; empty for the whole universe.

    Raises
    ------
    core.errors.InvariantError
        For a kind that is not in `KINDS`: at the start where it is wired, not in a step.
    """

    name: str
    agents: tuple[str, ...] = ()
    entries: bool = True
    submits: bool = False
    protects: bool = False
    as_of: datetime | None = None
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise InvariantError(
                f"There is no kind of step {self.name!r}; no step of it can run.",
                hint=f"Describe it in core/cycles.py, which has {', '.join(KINDS)}.",
            )

    @property
    def kind(self) -> CycleKind:
        """What every cycle of this name does."""
        return KINDS[self.name]

    def recorded_form(self) -> str:
        """Return the text that a decision's id is derived from; written out, so that no field is added to it."""
        return (
            f"Cycle(name={self.name!r}, agents={self.agents!r}, entries={self.entries!r}, "
            f"submits={self.submits!r}, protects={self.protects!r}, as_of={self.as_of!r}, "
            f"symbols={self.symbols!r})"
        )


DECIDE = Cycle(name="decide", agents=("market", "quant", "rl", "sentiment", "momentum", "regime"))
DECIDE_AND_SEND = replace(DECIDE, submits=True)
DECIDE_V2 = Cycle(name="decide_v2", agents=("market", "momentum", "rsi", "rl", "sentiment", "regime"))
RISK_CHECK = Cycle(name="risk_check", entries=False, submits=True)
FLATTEN = Cycle(name="flatten", entries=False, submits=True)
SELL = Cycle(name="sell", entries=False, submits=True)
REGIME = Cycle(name="regime", agents=("regime",), entries=False)
SCAN = Cycle(name="scan", agents=("market", "momentum"), entries=False)
RANK = Cycle(name="rank", agents=("quant",), entries=False)
PREDICT = Cycle(name="predict", agents=("rl", "rl_members"), entries=False)
RECOVER = Cycle(name="recover", entries=False)
SETTLE = Cycle(name="settle", entries=False)
CYCLES = (DECIDE, DECIDE_V2, RISK_CHECK, FLATTEN, SELL, REGIME, SCAN, RANK, PREDICT, RECOVER, SETTLE)
"""One cycle of each kind: what a team must have agents and a synthesizer weights for."""

DECISION_CYCLES = tuple(cycle.name for cycle in CYCLES if cycle.kind.decides)
"""By these names the ledger finds decisions among all other steps."""
