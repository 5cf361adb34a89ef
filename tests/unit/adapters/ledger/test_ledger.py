from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.ledger import SqliteLedger, database
from adapters.ledger.deferred import DeferredLedger
from config.environment import OrderRoute
from core.errors import InvariantError, LedgerError
from core.masking import SecretMask
from core.types import (
    ApprovedOrder,
    Cycle,
    Fill,
    MarketAnalysis,
    Order,
    OrderStatus,
    Plan,
    Portfolio,
    Side,
    StepReport,
    TradingState,
)

START = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
PAPER = OrderRoute.PAPER_BUILTIN


def order(number: int, symbol: str = "AAPL", side: Side = Side.BUY, rule: str = "score") -> Order:
    return Order(
        client_order_id=f"step-{number}-{symbol}-{side}",
        decision_id=f"step-{number}",
        symbol=symbol,
        side=side,
        quantity=Decimal(10),
        reference_price=Decimal("100.00"),
        rule=rule,
    )


def fill(of: Order, price: str = "101.00", quantity: str = "10", part: int = 1) -> Fill:
    return Fill(
        fill_id=f"{of.client_order_id}-{part}",
        client_order_id=of.client_order_id,
        symbol=of.symbol,
        side=of.side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal("0.10"),
        at=START + timedelta(days=part),
        rule=of.rule,
    )


def report(
    number: int,
    orders: tuple[Order, ...] = (),
    fills: tuple[Fill, ...] = (),
    *,
    state: TradingState = TradingState.ACTIVE,
    as_of: datetime | None = None,
    submits: bool = True,
) -> StepReport:
    return StepReport(
        decision_id=f"step-{number}",
        cycle=Cycle(name="decide", submits=submits, as_of=as_of),
        as_of=START + timedelta(minutes=15 * number),
        source="simulated",
        bars_until="2024-01-02",
        view_digest="v",
        config_digest="c",
        plan=Plan(
            decisions=(),
            approved=tuple(ApprovedOrder(order=o, weight=0.1) for o in orders),
            refused=(),
            unchanged=(),
            analysis=MarketAnalysis(),
            portfolio=Portfolio(cash=Decimal(1000 + number)),
            state=state,
            alerts=("drawdown",) if state is not TradingState.ACTIVE else (),
        ),
        fills=fills,
    )


@pytest.fixture(params=["file", "memory", "deferred"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteLedger]:
    path = tmp_path / "ledger.db" if request.param == "file" else None
    opened = DeferredLedger(route=PAPER) if request.param == "deferred" else SqliteLedger(path, route=PAPER)
    yield opened
    opened.close()


def test_a_new_ledger_is_empty(ledger: SqliteLedger) -> None:
    assert ledger.portfolio() is None
    assert ledger.trading_state() is TradingState.ACTIVE
    assert (ledger.decisions(5), ledger.orders(5), ledger.fills(5), ledger.trades(5)) == ((), (), (), ())


def test_a_step_is_there_as_it_was(ledger: SqliteLedger) -> None:
    step = report(1, (order(1), order(1, "MSFT")))
    ledger.record(step)
    assert ledger.decision("step-1") == step
    assert ledger.decisions(5) == (step,)
    assert [o.symbol for o in ledger.orders_of("step-1")] == ["AAPL", "MSFT"]
    assert {o.status for o in ledger.orders(5)} == {OrderStatus.RECORDED}
    assert ledger.portfolio() == step.plan.portfolio
    assert ledger.decision("no-such") is None
    assert ledger.order("no-such") is None


def test_the_same_step_twice_changes_nothing(ledger: SqliteLedger) -> None:
    step = report(1, (order(1),), state=TradingState.REDUCING)
    ledger.record(step)
    ledger.update_status({order(1).client_order_id: "submitted"})
    ledger.set_state(TradingState.HALTED, "a person said so")
    before = ledger.dump()
    ledger.record(step)
    ledger.record(replace(step, plan=replace(step.plan, portfolio=Portfolio(cash=Decimal(5)))))
    assert ledger.dump() == before
    assert ledger.trading_state() is TradingState.HALTED


def test_dry_run_orders_are_recorded_as_such() -> None:
    ledger = SqliteLedger(None, route=OrderRoute.DRY_RUN)
    ledger.record(report(1, (order(1),)))
    assert [(o.status, o.route) for o in ledger.orders(1)] == [(OrderStatus.DRY_RUN, OrderRoute.DRY_RUN.value)]


def test_fills_are_booked_once_and_move_their_orders(ledger: SqliteLedger) -> None:
    bought = order(1)
    ledger.record(report(0, (bought,)))
    ledger.update_status({bought.client_order_id: "submitted"})
    half, rest = fill(bought, quantity="4"), fill(bought, quantity="6", part=2)
    assert ledger.new_fills((half, rest, half)) == (half, rest)
    ledger.record(report(1, fills=(half,)))
    assert [o.status for o in ledger.unfinished_orders()] == [OrderStatus.PARTIALLY_FILLED]
    ledger.record(report(2, fills=(half, rest)))
    ledger.record(report(3, fills=(half, rest)))
    assert ledger.new_fills((half, rest)) == ()
    assert ledger.fills(5) == (rest, half)
    record = ledger.order(bought.client_order_id)
    assert record is not None
    assert record.status is OrderStatus.FILLED
    assert record.updated_at == START + timedelta(minutes=30)
    assert ledger.unfinished_orders() == ()


def test_a_fill_of_a_foreign_order_is_kept(ledger: SqliteLedger) -> None:
    foreign = fill(order(9))
    ledger.record(report(1, fills=(foreign,)))
    assert ledger.fills(5) == (foreign,)


def test_a_status_never_goes_back(ledger: SqliteLedger) -> None:
    name = order(1).client_order_id
    ledger.record(report(1, (order(1),)))
    ledger.update_status({name: "expired"}, {name: "no price"})
    ledger.update_status({name: "submitted"})
    assert [o.status for o in ledger.orders(1)] == [OrderStatus.EXPIRED]
    ledger.record(report(2, fills=(fill(order(1)),)))
    ledger.update_status({name: "cancelled"})
    assert [o.status for o in ledger.orders(1)] == [OrderStatus.FILLED]
    assert b'"no price"' in ledger.dump()


def test_orders_the_ledger_does_not_hold_are_left_out_of_marking(ledger: SqliteLedger) -> None:
    ledger.record(report(1, (order(1),)))
    ledger.update_status({"stranger": "submitted", order(1).client_order_id: "submitted"})
    assert [(o.client_order_id, o.status) for o in ledger.orders(5)] == [
        (order(1).client_order_id, OrderStatus.SUBMITTED)
    ]


def test_an_unknown_status_is_a_bug_and_marks_nothing(ledger: SqliteLedger) -> None:
    ledger.record(report(1, (order(1), order(1, "MSFT"))))
    before = ledger.dump()
    with pytest.raises(InvariantError, match="no order status"):
        ledger.update_status({order(1).client_order_id: "submitted", order(1, "MSFT").client_order_id: "sent"})
        ledger.orders(1)
    assert ledger.dump() == before


def test_proposed_orders_are_sent_as_they_are_then_and_once(ledger: SqliteLedger) -> None:
    proposed = order(1)
    ledger.record(report(1, (proposed, order(1, "MSFT")), submits=False))
    assert {o.status for o in ledger.orders(5)} == {OrderStatus.PROPOSED}
    assert ledger.unsent_orders() == ()
    smaller = ApprovedOrder(order=replace(proposed, quantity=Decimal(7)), weight=0.1)
    ledger.mark_sending([smaller])
    assert [(o.quantity, o.status) for o in ledger.unsent_orders()] == [("7", OrderStatus.RECORDED)]
    before = ledger.dump()
    waiting = ApprovedOrder(order=order(1, "MSFT"), weight=0.1)
    with pytest.raises(InvariantError, match="does not wait"):
        ledger.mark_sending([waiting, smaller])
    assert ledger.dump() == before
    ledger.update_status({waiting.order.client_order_id: "recorded"})
    assert len(ledger.unsent_orders()) == 2


def test_what_was_written_down_to_be_sent_and_what_is_unfinished(ledger: SqliteLedger) -> None:
    ledger.record(report(1, (order(1),), submits=False))
    ledger.record(report(2, (order(2), order(2, "MSFT"))))
    ledger.update_status({order(2).client_order_id: "submitted"})
    assert [(o.decision_id, o.symbol) for o in ledger.unsent_orders()] == [("step-2", "MSFT")]
    assert [(o.decision_id, o.symbol) for o in ledger.unfinished_orders()] == [
        ("step-2", "AAPL"),
        ("step-2", "MSFT"),
    ]


def test_a_step_at_a_past_moment_leaves_book_and_state(ledger: SqliteLedger) -> None:
    ledger.record(report(1))
    ledger.record(report(2, as_of=START, state=TradingState.HALTED))
    assert ledger.trading_state() is TradingState.ACTIVE
    assert ledger.portfolio() == Portfolio(cash=Decimal(1001))
    assert len(ledger.decisions(5)) == 2


def test_the_state_keeps_its_reason_until_it_changes(ledger: SqliteLedger) -> None:
    ledger.set_state(TradingState.REDUCING, "a person said so")
    ledger.record(report(1, state=TradingState.REDUCING))
    assert ledger.state_reason() == "a person said so"
    ledger.record(report(2, state=TradingState.HALTED))
    assert (ledger.trading_state(), ledger.state_reason()) == (TradingState.HALTED, "drawdown")


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_a_step_never_loosens_what_was_halted_while_it_ran(ledger: SqliteLedger, state: TradingState) -> None:
    ledger.set_state(TradingState.HALTED, "a person said so")
    ledger.record(report(1, state=state))
    assert (ledger.trading_state(), ledger.state_reason()) == (TradingState.HALTED, "a person said so")
    assert len(ledger.decisions(5)) == 1


def test_no_secret_is_written_and_the_rest_is_read_back(tmp_path: Path) -> None:
    path, secret = tmp_path / "masked.sqlite", 'hush "12345678" ü'
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN, mask=SecretMask([secret]))
    first = order(1)
    ledger.record(replace(report(1, (first,)), notes=(f"denied: {secret}",)))
    ledger.update_status({first.client_order_id: "rejected"}, {first.client_order_id: f"key {secret}"})
    ledger.set_state(TradingState.HALTED, f"for {secret}")
    assert ledger.decisions(1)[0].notes == ("denied: [secret]",)
    assert ledger.orders(1)[0].reason == "key [secret]"
    assert ledger.state_reason() == "for [secret]"
    dump = ledger.dump().decode()
    assert "12345678" not in dump
    assert "[secret]" in dump
    ledger.close()


def test_nan_is_refused_before_anything_is_written(ledger: SqliteLedger) -> None:
    step = report(1, (order(1),))
    broken = replace(step, plan=replace(step.plan, analysis=MarketAnalysis(atr={"AAPL": float("nan")})))
    with pytest.raises(InvariantError, match="atr"):  # at the latest when the row is asked for
        ledger.record(broken)
        ledger.decisions(5)
    assert ledger.decisions(5) == ()
    assert ledger.orders(5) == ()


def test_round_trips_at_average_cost_to_the_cent(ledger: SqliteLedger) -> None:
    first, more = order(1), order(2)
    out, rest = order(3, side=Side.SELL, rule="take_profit"), order(4, side=Side.SELL, rule="stop_loss")
    open_still = order(5, "MSFT")
    ledger.record(report(1, (first,)))
    ledger.record(report(2, (more,), (fill(first, "100.00"),)))
    ledger.record(report(3, (out,), (fill(more, "103.3333", part=2),)))
    assert ledger.trades(5) == ()
    ledger.record(report(4, (rest, open_still), (fill(out, "110.00", part=3), fill(open_still, "9.00"))))
    ledger.record(report(5, (), (fill(rest, "90.00", part=4),)))
    (trade,) = ledger.trades(5)
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (
        Decimal(20),
        Decimal("101.6666"),
        Decimal("100.0000"),
    )
    assert trade.profit_usd == Decimal("-33.73")  # -1000.10 - 1033.43 + 1099.90 + 899.90
    assert trade.profit_pct == pytest.approx(-33.73 / 2033.53)
    assert trade.exit_rule == "stop_loss"
    assert (trade.entry_at, trade.exit_at) == (START + timedelta(days=1), START + timedelta(days=4))


def test_memory_and_file_hold_the_same_bytes(tmp_path: Path) -> None:
    dumps = []
    for path in (tmp_path / "ledger.db", None):
        ledger = SqliteLedger(path, route=PAPER)
        ledger.record(report(1, (order(1),)))
        ledger.record(report(2, (), (fill(order(1)),)))
        dumps.append(ledger.dump())
        ledger.close()
    assert dumps[0] == dumps[1]
    assert dumps[0].count(b"\n") == 4


def test_readers_in_other_threads_see_whole_steps_only(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db", route=PAPER)
    done = threading.Event()
    seen: list[int] = []
    torn: list[StepReport] = []

    def watch() -> None:
        while not done.is_set():
            steps = ledger.decisions(1)
            seen.append(len(steps))
            torn.extend(s for s in steps if len(ledger.orders_of(s.decision_id)) != 2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(150):
            ledger.record(report(number, (order(number), order(number, "MSFT"))))
    finally:
        done.set()
        watcher.join()
    assert any(seen)
    assert torn == []
    ledger.close()


class TestOpening:
    def test_again_in_order(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "ledger.db"
        ledger = SqliteLedger(path, route=PAPER)
        assert ledger.found == "new"
        ledger.record(report(1, state=TradingState.HALTED))
        ledger.close()
        again = SqliteLedger(path, route=PAPER)
        assert again.found == "closed in order"
        assert again.decision("step-1") is not None
        assert again.trading_state() is TradingState.HALTED
        again.close()

    def test_after_a_process_that_did_not_close_it(self, tmp_path: Path) -> None:
        path, copy = tmp_path / "ledger.db", tmp_path / "copy" / "ledger.db"
        copy.parent.mkdir()
        ledger = SqliteLedger(path, route=PAPER)
        ledger.record(report(1, (order(1),)))
        for suffix in ("", "-wal"):
            copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
        ledger.close()
        found = SqliteLedger(copy, route=PAPER)
        assert "did not close" in found.found
        assert len(found.orders(5)) == 1
        found.close()

    @pytest.mark.parametrize("damage", ["text", "page", "cut", "empty"])
    def test_of_a_damaged_file_stops_and_leaves_it(self, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "ledger.db"
        ledger = SqliteLedger(path, route=PAPER)
        for number in range(40):
            ledger.record(report(number, (order(number),)))
        ledger.close()
        whole = path.read_bytes()
        broken = {
            "text": b"this is no database" * 400,
            "page": whole[:4096] + b"\xff" * 8192 + whole[12288:],
            "cut": whole[: len(whole) // 2],
            "empty": b"",
        }[damage]
        path.write_bytes(broken)
        with pytest.raises(LedgerError, match="Move the file away"):
            SqliteLedger(path, route=PAPER)
        assert path.read_bytes() == broken

    def test_of_a_large_file_leaves_damaged_steps_to_their_readers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "ledger.db"
        ledger = SqliteLedger(path, route=PAPER)
        for number in range(40):
            ledger.record(report(number, (order(number),)))
        ledger.close()
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])  # the root of the table of steps
        monkeypatch.setattr(database, "CHECKED_WHOLE_BYTES_MAX", 0)
        ledger = SqliteLedger(path, route=PAPER)
        assert len(ledger.orders(100)) == 40
        with pytest.raises(LedgerError, match="malformed"):
            ledger.decisions(1)
        ledger.close()

    def test_of_an_older_file_finds_the_steps_that_traded(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        ledger = SqliteLedger(path, route=PAPER)
        for number in range(6):
            ledger.record(report(number, (order(number),) if number % 3 == 0 else ()))
        wanted = ledger.trading_journal(0, 10)
        assert [place for place, _ in wanted] == [1, 4]
        assert set(wanted) < set(ledger.journal(0, 10))
        ledger.close()
        with closing(sqlite3.connect(path)) as connection, connection:
            for later in ("trading_steps", "cash_movements", "corporate_actions", "flattening"):
                connection.execute(f"DROP TABLE {later}")
            connection.execute("PRAGMA user_version = 1")
        connection.close()
        ledger = SqliteLedger(path, route=PAPER)
        assert ledger.trading_journal(0, 10) == wanted
        assert ledger.trading_journal(1, 10) == wanted[1:]
        ledger.close()

    def test_of_a_newer_version_stops(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        SqliteLedger(path, route=PAPER).close()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(LedgerError, match="version 99"):
            SqliteLedger(path, route=PAPER)

    def test_of_another_programs_database_stops(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE diary (entry TEXT)")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(LedgerError, match="not a ledger"):
            SqliteLedger(path, route=PAPER)
        assert path.read_bytes() == before

    def test_with_the_log_but_without_the_file_stops(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        ledger = SqliteLedger(path, route=PAPER)
        ledger.record(report(1))
        log = path.with_name("ledger.db-wal").read_bytes()
        ledger.close()
        path.unlink()
        path.with_name("ledger.db-wal").write_bytes(log)
        with pytest.raises(LedgerError, match="write-ahead log"):
            SqliteLedger(path, route=PAPER)
        assert path.with_name("ledger.db-wal").read_bytes() == log

    def test_where_no_folder_can_be_stops(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(LedgerError, match="could not be opened"):
            SqliteLedger(tmp_path / "file" / "ledger.db", route=PAPER)
