"""A short slice of `make chaos`: the first of the same seeded weeks, one of them with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.environment import OrderRoute
from core.service import OrderRecord
from core.types import OrderStatus, Side
from tests.chaos.hosts import AccountSnapshot
from tests.chaos.outside import Outside
from tests.chaos.runs import NearAdmin
from tests.chaos.verdict import sent_twice
from tests.chaos.watches import BareWatch, FlattenWatch
from tests.servers.alpaca_broker import MONDAY, AlpacaBroker

ROOT = Path(__file__).parents[2]
FIRST, RUNS = 7, 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_fault_and_no_death_doubles_an_order_or_loses_a_fill() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--first", str(FIRST), "--runs", str(RUNS), "--jobs", "1"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (told["runs"], told["with_real_processes"], told["broken_runs"]) == (RUNS, 1, [])
    assert min(told["kills"], told["buys"], told["sells"]) >= RUNS
    assert told["faults"] > 100
    assert told["cycles_watched"] > 100
    assert told["flattens"]["asked"] >= told["flattens"]["flat"] > 0


def _book(*orders: dict[str, Any], failed: int = 0, unlisted: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "positions": {"AAPL": "10.5"},
        "orders": list(orders),
        "unlisted": list(unlisted),
        "faults_drawn": {"error_before": failed},
    }


def _order(side: str, name: str, quantity: str = "10", stop_price: str | None = None) -> dict[str, Any]:
    return {
        "client_order_id": name, "symbol": "AAPL", "side": side, "status": "new", "qty": quantity,
        "filled_qty": "0", "stop_price": stop_price, "legs": None, "type": "stop", "order_class": "",
    }  # fmt: skip


STOP, PART = _order("sell", "d-AAPL-protect", stop_price="90"), _order("sell", "d-AAPL-protect", "9", "90")


@pytest.mark.parametrize(
    ("books", "broken"),
    [
        ([_book(), _book(), _book(), _book()], 1),
        ([_book(PART), _book(PART), _book(PART)], 1),
        ([_book(), _book(), _book(STOP), _book(), _book()], 0),
        ([_book(), _book(), _book(failed=1), _book(failed=2)], 0),  # it does not answer
        ([_book(), _book(), _book(failed=1), _book(failed=1)], 1),  # it answers again: no new faults
        ([_book(_order("buy", "by-hand-1"))] * 4, 0),  # a sale beside it would be a wash trade
        ([_book(_order("sell", "d-AAPL-sell"))] * 4, 0),  # it is being sold
        ([_book(unlisted=("AAPL",))] * 4, 0),  # nobody can know of it yet
    ],
)
def test_a_position_that_is_bare_for_too_long_is_found(books: list[dict[str, Any]], broken: int) -> None:
    watch, blind = BareWatch(), BareWatch()
    for minute, book in enumerate(books):
        at = datetime(2024, 5, 6, 14, minute, tzinfo=UTC)
        watch.look(at, book, answers=True)
        blind.look(at, book, answers=False)
    assert len(watch.broken) == broken
    assert not blind.broken


def test_a_flatten_that_says_flat_and_is_not_is_found() -> None:
    seed = next(n for n in range(99) if FlattenWatch(n, 5).is_due(10**6))
    watch = FlattenWatch(seed, 5)
    in_progress = AccountSnapshot(state="reducing", reason="", flattening=True)
    flat = AccountSnapshot(state="reducing", reason="", flattening=False)
    watch.ask(lambda: in_progress)
    assert not watch.is_due(10**6)
    assert not watch.is_over(in_progress, _book, late=False)
    assert watch.is_over(in_progress, _book, late=True)
    with pytest.raises(AssertionError, match="says that it is flat and holds"):
        watch.is_over(flat, _book, late=False)
    with pytest.raises(AssertionError, match="open orders"):
        watch.is_over(flat, lambda: {**_book(STOP), "positions": {}}, late=False)
    assert watch.is_over(flat, lambda: {**_book(), "positions": {}}, late=False)
    with pytest.raises(AssertionError, match="a flatten in progress is active"):
        watch.is_over(AccountSnapshot(state="active", reason="", flattening=True), _book, late=False)


NOON, LATER = "2024-05-06T16:00:00Z", "2024-05-06T16:05:00Z"


def _buy(decision: str, quantity: str, filled: str = "0", ended_at: str | None = None, **more: Any) -> Any:
    row = _order("buy", f"{decision}-AAPL-buy", quantity) | {"id": decision, "filled_qty": filled}
    ends = dict.fromkeys(("filled_at", "expired_at", "failed_at", "replaces", "replaced_by"))
    return row | ends | {"created_at": NOON, "canceled_at": ended_at} | more


@pytest.mark.parametrize(
    ("orders", "twice"),
    [
        ([_buy("a", "10")], 0),
        ([_buy("a", "10", "7", NOON), _buy("b", "3")], 0),  # the rest of an order that has ended
        ([_buy("a", "10", "0", NOON), _buy("b", "10.4")], 0),  # equity has moved
        ([_buy("a", "10", "7", NOON), _buy("b", "10")], 1),  # what was filled is not known of
        ([_buy("a", "10", "7", NOON), _buy("b", "3", "0", NOON), _buy("c", "5")], 1),
        ([_buy("a", "10", "7"), _buy("b", "3")], 1),  # it is still open
        ([_buy("a", "10", "7", LATER), _buy("b", "3")], 1),  # it was
        ([_buy("a", "10", "10", NOON), _buy("b", "10")], 1),
        ([_buy("a", "10", "10", NOON), _buy("T-flatten-b", "35")], 0),  # a person's word is an intent of its own
        ([_buy("a", "10", "7"), _buy("T-flatten-b", "35")], 1),  # but not beside one that is open
        ([_buy("T-flatten-a", "35", "35", NOON), _buy("T-flatten-b", "35")], 1),
        ([_buy("a", "10", "0", NOON), _buy("a", "10", client_order_id="a-AAPL-buy-again")], 1),
        ([_buy("a", "10", replaced_by="x"), _buy("x", "10", "7", NOON, replaces="a"), _buy("b", "3")], 0),
        ([_buy("a", "10", replaced_by="x"), _buy("x", "10", "7", NOON, replaces="a"), _buy("b", "10")], 1),
    ],
)
def test_a_repeated_moment_may_order_only_the_rest_of_what_has_ended(orders: list[Any], twice: int) -> None:
    at = datetime(2024, 5, 6, 16, tzinfo=UTC)
    recorded = {
        row["client_order_id"]: OrderRecord(
            client_order_id=row["client_order_id"], decision_id=row["id"], symbol="AAPL", side=Side.BUY,
            quantity=row["qty"], reference_price="90", rule="dice", status=OrderStatus.SUBMITTED,
            route=OrderRoute.ALPACA_PAPER.value, created_at=at, updated_at=at,
        )
        for row in orders if not row["replaces"]
    }  # fmt: skip
    found = list(sent_twice({"orders": orders, "post_attempts": {}}, recorded))
    assert len(found) == twice, found


def test_a_company_is_bought_at_most_once_a_day() -> None:
    calls: list[str] = []

    class Held:
        now = "2024-05-06T16:00:00Z"

        def book(self) -> Any:
            return {"positions": {"AAPL": "10"}, "prices": {"AAPL": "90"}, "now": self.now}

        def conformance(self) -> Any:
            return {}

        def call(self, name: str, **values: Any) -> None:
            calls.append(values["event"])

    admin = Held()
    outside = Outside(1, admin, enabled=("merger",))
    happened = sum(bool(outside.happen()) for _ in range(500))
    admin.now = "2024-05-07T16:00:00Z"
    happened += sum(bool(outside.happen()) for _ in range(500))
    assert (happened, calls) == (2, ["merger", "merger"])


def test_a_person_who_replaces_an_order_that_has_just_ended_is_too_late() -> None:
    broker = AlpacaBroker(now=MONDAY, prices={"AAPL": Decimal(90)})
    admin = NearAdmin(broker)
    names = ("by-hand-1", "by-hand-2")
    for name in names:
        admin.call(
            "order", symbol="AAPL", qty="1", side="buy", type="limit", limit_price="1",
            time_in_force="gtc", client_order_id=name,
        )  # fmt: skip
    admin.call("cancel", client_order_id=names[0])
    done = [admin.call("replace", client_order_id=name, qty="1")["replaced"] for name in names]
    assert done == [False, True]
