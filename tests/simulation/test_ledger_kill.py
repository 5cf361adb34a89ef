"""The ledger under SIGKILL: real processes, killed while they write, lose nothing they acknowledged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.types import (
    ApprovedOrder,
    Cycle,
    Fill,
    MarketAnalysis,
    Order,
    Plan,
    Portfolio,
    Side,
    StepReport,
    TradingState,
)

ROOT = Path(__file__).parents[2]
KILLS = 8
ORDERS_A_STEP = 3

WRITER = """
import sys
from pathlib import Path
from tests.simulation.test_ledger_kill import write_for_ever
write_for_ever(Path(sys.argv[1]))
"""


def step(number: int) -> StepReport:
    at = datetime(2024, 1, 2, 15, tzinfo=UTC) + timedelta(minutes=number)
    name = f"step-{number:06d}"
    orders = tuple(
        Order(
            client_order_id=f"{name}-{index}", decision_id=name, symbol="AAPL", side=Side.BUY,
            quantity=Decimal(1), reference_price=Decimal("100.00"), rule="score",
        )
        for index in range(ORDERS_A_STEP if number % 3 else 0)
    )  # fmt: skip
    fills = tuple(
        Fill(
            fill_id=f"{name}-{index}-1", client_order_id=f"step-{number - 1:06d}-{index}", symbol="AAPL",
            side=Side.BUY, quantity=Decimal(1), price=Decimal("100.01"), fee=Decimal(0), at=at,
        )
        for index in range(ORDERS_A_STEP if (number - 1) % 3 and number else 0)
    )  # fmt: skip
    plan = Plan(
        decisions=(), approved=tuple(ApprovedOrder(order=order, weight=0.01) for order in orders), refused=(),
        unchanged=("padding",) * 200, analysis=MarketAnalysis(), portfolio=Portfolio(cash=Decimal(number)),
        state=TradingState.ACTIVE,
    )  # fmt: skip
    return StepReport(
        decision_id=name, cycle=Cycle(name="decide", submits=True), as_of=at, source="simulated",
        bars_until="2024-01-02",
        view_digest="v", config_digest="c", plan=plan, fills=fills,
    )  # fmt: skip


def open_ledger(path: Path) -> SqliteLedger:
    return SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)


def write_for_ever(path: Path) -> None:
    """Record steps from where the ledger ends, saying each number once it is committed."""
    ledger = open_ledger(path)
    number = len(ledger.decisions(1_000_000))
    print("open", flush=True)
    while True:
        ledger.record(step(number))
        print(number, flush=True)
        number += 1


def write_and_be_killed(path: Path, seconds: float) -> tuple[int, int]:
    """Run a writer for a while, kill it, and give its exit code and the last step it acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    acknowledged = [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.stdout.close()
    return child.wait(), acknowledged[-1] if acknowledged else -1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_kill_loses_an_acknowledged_step_or_leaves_half_of_one(tmp_path: Path) -> None:
    path, dice = tmp_path / "ledger.db", random.Random(20240102)
    killed_mid_run, not_closed, until = 0, 0, -1
    for _ in range(KILLS):
        code, acknowledged = write_and_be_killed(path, dice.uniform(0.0, 0.15))
        assert code == -signal.SIGKILL
        killed_mid_run += acknowledged >= 0
        until = max(until, acknowledged)
        ledger = open_ledger(path)  # runs SQLite's own check
        not_closed += "did not close" in ledger.found
        assert_whole(ledger, until)
        until = len(ledger.decisions(1_000_000)) - 1
        copy = ledger.dump()
        ledger.close()
        assert open_again_equals(path, copy)
    assert killed_mid_run >= KILLS // 2
    assert not_closed >= KILLS // 2
    assert until > 20


def assert_whole(ledger: SqliteLedger, acknowledged: int) -> None:
    """Every acknowledged step is there, in order, each as it was made, with all its orders and fills."""
    steps = ledger.decisions(1_000_000)[::-1]
    assert len(steps) - 1 in (acknowledged, acknowledged + 1)
    expected = [step(number) for number in range(len(steps))]
    assert list(steps) == expected
    orders = [a.order.client_order_id for made in expected for a in made.plan.approved]
    assert [o.client_order_id for o in ledger.orders(1_000_000)[::-1]] == orders
    assert list(ledger.fills(1_000_000)[::-1]) == [fill for made in expected for fill in made.fills]
    if steps:
        assert ledger.portfolio() == expected[-1].plan.portfolio


def open_again_equals(path: Path, copy: bytes) -> bool:
    ledger = open_ledger(path)
    try:
        return ledger.found == "closed in order" and ledger.dump() == copy
    finally:
        ledger.close()
