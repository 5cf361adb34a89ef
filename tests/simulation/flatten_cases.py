"""`python -m tests.simulation.flatten_cases --cases 100`: flat, or in progress and saying so.

Each case lives through some days at Alpaca's stand-in with partial and missing fills, late activities, slow
cancellations and requests that fail; at a moment of its own a person flattens; the process ends and starts again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from core.cycles import FLATTEN, RISK_CHECK
from core.errors import BrokerError, Recoverable
from pipeline.fault_policy import step_under_policy
from pipeline.flattening import FLAT, Flattening, flatten_progress
from pipeline.reconciliation import recover
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.simulation.alpaca_desk import World, week, world

ROUGH = FaultPlan(
    rate_limited=0.03, error_before=0.02, error_after=0.02, drop_before=0.02, drop_after=0.02, arrives_late=0.03,
    rejected_later=0.05, unfilled=0.25, partial=0.6, waits=0.4, late_activity=0.2, slow_cancel=0.3,
)  # fmt: skip
DAYS_BEFORE, DAYS_AFTER = 2, 4
"""An order sent after a close that never fills ends with the next session, and is sent anew for the one after."""
STEPS_A_DAY, STEP = 6, timedelta(minutes=75)


def flatten_case(seed: int) -> Counter[str]:
    """Run one case; give what happened in it.

    Raises
    ------
    AssertionError
        When it was neither flat nor in progress, bought after the flatten, or was not flat in the end.
    """
    dice, came = Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), seed=seed, plan=ROUGH) as lived:
        _started(lived)
        for moment in week(DAYS_BEFORE)[: dice.randint(3, 4 * DAYS_BEFORE)]:
            lived.live(moment)
        asked_at = lived.stand_in.book.now
        came["held"] = len(lived.stand_in.book.holdings)
        came["open buys"] = sum(o.open and o.side == "buy" for o in lived.stand_in.book.orders.values())
        flattening = Flattening()
        _tried(lived, flattening, begins=True)
        dies_in = dice.randrange(2 * STEPS_A_DAY)
        for number, at in enumerate(_steps(asked_at)):
            if number == 2 * STEPS_A_DAY:  # the broker answers again: from here on it must become flat
                lived.stand_in.faults.plan = FaultPlan()
            if number == dies_in:
                _started(lived)
                flattening, came["restarts"] = Flattening(), 1
            lived.tick(at)
            lived.desk.clock.set(max(at, lived.desk.clock.now()))
            _tried(lived, flattening)
            came["steps in progress"] += _says_so(lived)
        _flat_in_the_end(lived, asked_at)
        came.update(lived.stand_in.faults.drawn)
        return came


def _started(lived: World) -> None:
    while True:
        lived.die_and_open_again()
        try:
            recover(lived.engine)
        except BrokerError:
            continue
        return


def _tried(lived: World, flattening: Flattening, *, begins: bool = False) -> None:
    """Begin a flatten, or take one step of the jobs; either may meet a broker that does not answer."""
    try:
        if begins:
            flattening.begin(lived.engine)
        cycle = FLATTEN if begins else RISK_CHECK
        report = step_under_policy(lived.engine, flattening.cycle_of(lived.engine, cycle))
        flattening.go_on(lived.engine, cycle, report)
    except Recoverable:
        return


def _steps(after: datetime) -> Iterator[datetime]:
    """Give moments of the jobs over the sessions after a moment, and one after each close."""
    sessions = sorted({at.date() for at, _ in week(DAYS_BEFORE + DAYS_AFTER + 2) if at.date() > after.date()})
    for day in sessions[:DAYS_AFTER]:
        opens = datetime.combine(day, datetime.min.time(), after.tzinfo) + timedelta(hours=14)
        yield from (opens + number * STEP for number in range(STEPS_A_DAY))


def _says_so(lived: World) -> bool:
    """Hold what is said against what is: in progress while anything of ours is left, each with its reason."""
    progress, portfolio = flatten_progress(lived.engine), lived.engine.portfolio
    left = {*portfolio.positions, *(order.symbol for order in portfolio.pending)}
    if progress.since is None:
        assert not left, f"it says that it is flat and holds {left}"
        return False
    assert {one.symbol for one in progress.left} == left
    assert all(one.reason for one in progress.left)
    return True


def _flat_in_the_end(lived: World, asked_at: datetime) -> None:
    book = lived.stand_in.book
    progress = flatten_progress(lived.engine)
    assert progress.since is None, f"still in progress: {progress.left}"
    assert not book.holdings, f"the broker still holds {dict(book.holdings)}"
    assert not [order.client_order_id for order in book.orders.values() if order.open]
    ours = {order.client_order_id: order.created_at for order in lived.desk.ledger.orders(10_000)}
    buys = [o.client_order_id for o in book.orders.values() if o.side == "buy"]
    assert all(ours[name] <= asked_at for name in buys), "it bought afterwards"
    assert lived.desk.ledger.state_reason() == FLAT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    total, broken = Counter[str](), dict[int, str]()
    for seed in range(asked.first, asked.first + asked.cases):
        try:
            total += flatten_case(seed)
        except AssertionError as failure:
            broken[seed] = str(failure)[:300]
            print(json.dumps({"seed": seed, "broken": broken[seed]}), flush=True)
    print(json.dumps({"claim": "flatten", "cases": asked.cases, "broken": broken, **total}))
    assert not broken


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    main()
