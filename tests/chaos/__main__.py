"""`python -m tests.chaos`: seeded weeks of both jobs with faults and kills; the last line tells how they ended.

One run from one number: `python -m tests.chaos --seed N`; every eighth seed has real processes. A week in
which nothing was bought, sold, killed or disturbed is named and another runs in its place; more than one such in
fifty breaks the whole.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from math import inf

import structlog

from tests.chaos.market import SESSIONS
from tests.chaos.runs import Outcome, run_here, run_processes

PROCESSES_EVERY = 8
IDLE_SHARE_MAX = 0.02
TOTALS = ("moments", "cycles_watched", "orders", "buys", "sells", "kills", "faults", "compared")


def run(seed: int, sessions: int = SESSIONS) -> Outcome:
    """Run one seed's week."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return (run_here if seed % PROCESSES_EVERY else run_processes)(seed, sessions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one only")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--minutes", type=float, default=inf, help="begin no run later than this")
    asked = parser.parse_args()
    if asked.seed is not None:
        outcome = run(asked.seed)
        print(_line(outcome))
        return int(bool(outcome.broken))
    began = time.perf_counter()
    outcomes = []
    spare = asked.first + asked.runs
    seeds = deque(range(asked.first, spare))
    for outcome in _all(seeds, asked.jobs, until=began + 60 * asked.minutes):
        outcomes.append(outcome)
        print(_line(outcome), flush=True)
        if outcome.idle:
            seeds.append(spare)
            spare += 1
    print(json.dumps(_closing(outcomes, time.perf_counter() - began)))
    too_idle = sum(bool(outcome.idle) for outcome in outcomes) > max(1, IDLE_SHARE_MAX * asked.runs)
    return int(too_idle or any(outcome.broken for outcome in outcomes))


def _all(seeds: deque[int], jobs: int, until: float) -> Iterator[Outcome]:
    """Run seeds in their order, also those added meanwhile, so many at once; one that is begun is ended."""
    with ProcessPoolExecutor(jobs) as pool:
        running: deque[Future[Outcome]] = deque()
        while True:
            while seeds and len(running) < jobs + 1 and time.perf_counter() < until:
                running.append(pool.submit(run, seeds.popleft()))
            if not running:
                return
            wait(running, return_when=FIRST_COMPLETED)
            for future in [future for future in running if future.done()]:
                running.remove(future)
                yield future.result()


def _line(outcome: Outcome) -> str:
    ending = f"idle {list(outcome.idle)}" if outcome.idle else "ok"
    ending = f"BROKEN {list(outcome.broken)}" if outcome.broken else ending
    kind = "processes" if outcome.processes else "in process"
    return f"seed {outcome.seed} {kind} {ending} {json.dumps(outcome.figures)}"


def _closing(outcomes: Sequence[Outcome], seconds: float) -> dict[str, object]:
    """Sum up; each run but the idle ones has been asserted to trade, exit, be killed and be disturbed."""
    totals: Counter[str] = Counter()
    killed_at: Counter[str] = Counter()
    came: Counter[str] = Counter()
    flattens: Counter[str] = Counter()
    for outcome in outcomes:
        figures = outcome.figures
        totals.update({name: figures[name] for name in TOTALS})
        killed_at.update(figures["killed_at"])
        came.update(figures["came"])
        flattens.update(figures["flattens"])
    return {
        "claim": "chaos",
        "runs": sum(not outcome.idle for outcome in outcomes),
        "idle_runs": [outcome.seed for outcome in outcomes if outcome.idle],
        "with_real_processes": sum(outcome.processes for outcome in outcomes),
        "broken_runs": [outcome.seed for outcome in outcomes if outcome.broken],
        **totals,
        "killed_at": dict(sorted(killed_at.items())),
        "came": dict(sorted(came.items())),
        "flattens": dict(sorted(flattens.items())),
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
