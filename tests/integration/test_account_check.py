"""An account that a person uses too, while the engine runs: each change is booked or told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.alpaca.capital import Capital
from core.cycles import FLATTEN, RISK_CHECK, SETTLE
from core.errors import RequestError
from core.orders import BY_HAND
from core.types import CashKind, OrderStatus, TradingState
from pipeline.account_check import PUT_OFF_MAX
from pipeline.reconciliation import recover, take_over_named
from tests.account_engine import AccountEngine, account_engine
from tests.servers.alpaca_broker_faults import FaultPlan, Scripted
from tests.small_engine import enter, leave

CLEAN = ((), TradingState.ACTIVE)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[AccountEngine]:
    """Give an engine that holds 100 AAPL and 100 JPM."""
    with account_engine(tmp_path) as opened:
        start(opened)
        yield opened


def start(made: AccountEngine) -> None:
    assert recover(made.engine).differences == ()
    made.step(enter("AAPL", 0.1), enter("JPM", 0.05))
    made.tick(minutes=5)
    made.step()
    assert {name: made.held(name) for name in ("AAPL", "JPM")} == {"AAPL": 100, "JPM": 100}


def standing(made: AccountEngine) -> tuple[tuple[str, ...], TradingState]:
    last = made.engine.parts.account_check.last
    assert last is not None
    return last.differences, made.engine.state


def shifted_only(made: AccountEngine) -> bool:
    """Whether drawdown and daily return are what trading made them: next to nothing."""
    return abs(made.engine.portfolio.daily_return) < 2e-4 and abs(made.engine.portfolio.drawdown) < 2e-4


def test_a_sale_by_hand_is_booked_the_rest_keeps_its_stops_and_is_sold(made: AccountEngine) -> None:
    made.by_hand("AAPL", 60, "sell")
    made.tick(minutes=5)
    report = made.step()
    assert [(fill.rule, fill.quantity) for fill in report.fills] == [(BY_HAND, Decimal(60))]
    assert made.held("AAPL") == 40
    assert made.engine.portfolio.cash == made.stand_in.book.cash
    assert standing(made) == CLEAN
    assert any("sold 60 of the engine's AAPL by hand" in alert for alert in made.published.alerts())
    refused = made.step(enter("XOM", 0.1), leave("AAPL")).plan
    assert [approved.order.quantity for approved in refused.approved if approved.order.symbol == "AAPL"] == [40]


def test_what_was_sold_by_hand_is_not_bought_again_until_a_person_says_so(made: AccountEngine) -> None:
    made.by_hand("AAPL", 100, "sell")
    made.tick(minutes=5)
    (refused,) = made.step(enter("AAPL", 0.1)).plan.refused
    assert (refused.symbol, refused.rule) == ("AAPL", "symbol_frozen")
    with pytest.raises(RequestError, match="nothing to take over by the name XOM") as unknown:
        take_over_named(made.engine, ["XOM"])
    assert unknown.value.status == 422
    assert "AAPL" in take_over_named(made.engine, ["AAPL"])
    assert [a.order.symbol for a in made.step(enter("AAPL", 0.1)).plan.approved] == ["AAPL"]


def test_a_sale_by_hand_is_undone_by_buying_back(made: AccountEngine) -> None:
    before = made.engine.portfolio.positions["AAPL"]
    made.by_hand("AAPL", 60, "sell")
    made.tick(minutes=5)
    made.step()
    made.by_hand("AAPL", 60, "buy")
    made.tick(minutes=5)
    report = made.step()
    assert [(fill.side.value, fill.rule) for fill in report.fills] == [("buy", BY_HAND)]
    assert made.held("AAPL") == before.quantity
    assert made.engine.portfolio.account.frozen == {}
    assert standing(made) == CLEAN


@pytest.mark.parametrize("lost", [60, 100])
def test_shares_that_are_gone_without_a_word_freeze_the_symbol_and_are_no_loss(
    lost: int, made: AccountEngine
) -> None:
    with made.stand_in.book.lock:
        made.events.lose_shares("AAPL", Decimal(lost))
    made.tick(minutes=5)
    made.step()
    assert made.held("AAPL") == 100 - lost
    assert standing(made)[0] == (f"AAPL: the ledger holds 100, the account {100 - lost}",)
    assert made.engine.state is TradingState.ACTIVE
    assert shifted_only(made)
    (alert,) = (text for text in made.published.alerts() if "frozen" in text)
    for part in ("100", str(100 - lost), "Three ways out", '{"take_over": ["AAPL"]}', "by hand", "leave it"):
        assert part in alert
    made.tick(minutes=5)
    refused = made.step(leave("AAPL"), enter("AAPL"), leave("JPM")).plan
    assert all(one.rule in ("symbol_frozen", "position_held") for one in refused.refused)
    assert [approved.order.symbol for approved in refused.approved] == ["JPM"]
    assert len([text for text in made.published.alerts() if "frozen" in text]) == 1, "it is told once"
    assert made.engine.portfolio.trades_today == 3


def test_shares_that_come_back_are_what_they_were(made: AccountEngine) -> None:
    was = made.engine.portfolio
    with made.stand_in.book.lock:
        made.events.lose_shares("AAPL", Decimal(100))
    made.tick(minutes=5)
    made.step()
    made.start_again()
    found = recover(made.engine)
    assert len(found.differences) == 1
    assert made.engine.state is TradingState.ACTIVE
    with made.stand_in.book.lock:
        made.events._move("AAPL", Decimal(100), Decimal(10_000))
    made.tick(minutes=5)
    made.step()
    assert made.engine.portfolio.positions["AAPL"].average_price == was.positions["AAPL"].average_price
    assert made.held("AAPL") == 100
    assert standing(made) == CLEAN
    assert shifted_only(made)


def test_a_resume_that_names_missing_shares_lets_them_go_and_the_fills_add_up(made: AccountEngine) -> None:
    with made.stand_in.book.lock:
        made.events.lose_shares("AAPL", Decimal(60))
    made.tick(minutes=5)
    made.step()
    assert list(take_over_named(made.engine, ["AAPL"])) == ["AAPL"]
    assert standing(made) == CLEAN
    assert made.held("AAPL") == 40
    assert made.engine.portfolio.cash == made.stand_in.book.cash
    fills = [fill for fill in made.ledger.fills(99) if fill.symbol == "AAPL"]
    bought = sum(fill.quantity if fill.side.value == "buy" else -fill.quantity for fill in fills)
    assert bought == 40
    assert shifted_only(made)
    made.start_again()
    assert recover(made.engine).differences == ()
    assert made.held("AAPL") == 40


def test_cash_that_nothing_explains_stops_entries_and_not_exits(made: AccountEngine) -> None:
    made.stand_in.book.cash -= Decimal(5000)
    made.tick(minutes=5)
    plan = made.step(enter("XOM", 0.1), leave("AAPL")).plan
    assert [refused.rule for refused in plan.refused] == ["cash_agrees"]
    assert [approved.order.symbol for approved in plan.approved] == ["AAPL"]
    (alert,) = (text for text in made.published.alerts() if text.startswith("Cash"))
    assert "-5000" in alert and "Entries stop" in alert
    made.tick(minutes=5)
    made.step()
    assert "cash" in take_over_named(made.engine, ["cash"])
    assert standing(made) == CLEAN
    assert made.engine.portfolio.cash == made.stand_in.book.cash
    assert shifted_only(made)
    assert [m.kind for m in made.ledger.cash_movements(9)] == [CashKind.WITHDRAWAL]


def test_a_little_cash_that_nothing_explains_is_within_the_tolerance(made: AccountEngine) -> None:
    made.stand_in.book.cash -= Decimal(40)  # of 100,000, of which 0.05 % is tolerated
    made.tick(minutes=5)
    assert [approved.order.symbol for approved in made.step(enter("XOM", 0.1)).plan.approved] == ["XOM"]
    assert standing(made) == CLEAN


def test_a_deposit_is_no_profit_and_fees_and_interest_are_what_they_are(made: AccountEngine) -> None:
    made.engine.resume("a base of the breakers' own")
    with made.stand_in.book.lock:
        made.events.cash("CSD", Decimal(50_000))
        made.events.cash("FEE", Decimal("-0.35"))
        made.events.cash("INT", Decimal("1.10"))
        made.events.dividend("AAPL", Decimal("0.1"))
    made.tick(minutes=5)
    made.step()
    portfolio = made.engine.portfolio
    assert portfolio.cash == made.stand_in.book.cash
    assert shifted_only(made)
    assert abs(portfolio.breaker_daily_return) < 2e-4 and abs(portfolio.breaker_drawdown) < 2e-4
    assert sorted(m.kind.value for m in made.ledger.cash_movements(9)) == [
        "deposit", "dividend", "fee", "interest",
    ]  # fmt: skip


@pytest.mark.parametrize("restarts", [False, True])
def test_what_the_broker_corrects_is_booked_as_the_difference_once(made: AccountEngine, restarts: bool) -> None:
    made.events.cash("CSD", Decimal(20_000))
    made.events.dividend("AAPL", Decimal("0.25"))
    made.events.cash("FEE", Decimal("-1.50"))
    steps: list[tuple[str, str, str]] = [
        ("CSD", "2000", "correct"), ("DIV", "27.50", "correct"), ("FEE", "0", "correct"),
        ("DIV", "25", "correct"), ("FEE", "-1.75", "correct"), ("CSD", "2000", "canceled"),
        ("DIV", "27.50", "canceled"),
    ]  # fmt: skip
    made.tick(minutes=5)
    assert len(made.step().cash_movements) == 3
    for kind, amount, status in steps:
        made.events.correct(kind, Decimal(amount), status)
        made.tick(minutes=5)
        if restarts:
            made.start_again()
            assert recover(made.engine).differences == ()
        else:
            assert len(made.step().cash_movements) == 1
        assert made.step().cash_movements == ()
        assert made.engine.portfolio.cash == made.stand_in.book.cash
        assert standing(made) == CLEAN
    assert made.ledger.paid_in_total() == 0
    assert abs(made.engine.portfolio.daily_return) < 1e-4  # what is left is a fee of 1.75 USD


def test_a_persons_options_and_short_shares_hold_up_nothing(made: AccountEngine) -> None:
    book, made.stand_in.conformance = made.stand_in.book, None  # its FILLs are of orders that it has
    row = made.by_hand("XOM", 1, "buy")
    made.tick(minutes=5)
    made.step()
    with book.lock:  # the stand-in trades no options: what is listed of them is written by hand
        order = book.find(row["client_order_id"])
        assert order is not None
        spread = {**row, "id": "spread", "client_order_id": "spread", "order_class": "mleg", "qty": "1"}
        spread |= {"symbol": None, "side": None, "status": "new", "limit_price": "1.05", "legs": []}
    open_orders, positions = made.api.open_orders, made.api.positions
    made.api.open_orders = lambda: [*open_orders(), spread]  # type: ignore[method-assign]  # one more is listed
    short = {"symbol": "JNJ", "qty": "-7", "side": "short", "market_value": "-1000", "avg_entry_price": "150"}
    made.api.positions = lambda: [*positions(), short]  # type: ignore[method-assign]  # the same
    book.cash -= Decimal(250)
    book.other_activity(
        "FILL", order_id=order.order_id, symbol="AAPL240621C00200000", side="buy", qty="1", price="2.5",
        cum_qty="1", leaves_qty="0", type="fill", order_status="filled", transaction_time=book.now.isoformat(),
    )  # fmt: skip
    made.tick(minutes=5)
    report = made.step(leave("JPM"))
    assert [approved.order.symbol for approved in report.plan.approved] == ["JPM"]
    assert [moved.amount for moved in report.cash_movements] == [Decimal(-250)]
    made.tick(minutes=5)
    made.step()
    assert made.held("JPM") == 0
    assert made.engine.portfolio.cash == book.cash
    assert standing(made) == CLEAN


@pytest.mark.parametrize("field", ["date", "net_amount", "qty"])
def test_an_activity_that_cannot_be_read_holds_up_no_other(made: AccountEngine, field: str) -> None:
    made.events.dividend("AAPL", Decimal("0.25"))
    made.stand_in.book.activities[-1].fields[field] = "nothing like it"
    made.stand_in.conformance = None  # that is the point
    made.stand_in.book.cash -= Decimal(25)
    made.events.cash("INT", Decimal("1.50"))
    made.tick(minutes=5)
    (moved,) = made.step().cash_movements
    assert moved.amount == Decimal("1.50")
    assert any("an activity DIV that cannot be read" in text for text in made.published.alerts())
    assert standing(made) == CLEAN


def test_an_activity_that_nobody_knows_is_told_and_is_not_fatal(made: AccountEngine) -> None:
    with made.stand_in.book.lock:
        made.events.cash("MISC", Decimal("12.34"))
    made.tick(minutes=5)
    made.step()
    assert any("not known, MISC" in text for text in made.published.alerts())
    assert standing(made) == CLEAN
    assert made.engine.portfolio.cash == made.stand_in.book.cash


def test_a_persons_holdings_and_orders_are_left_alone_for_ever(tmp_path: Path) -> None:
    with account_engine(tmp_path, capital=Capital(usd=Decimal(40_000))) as made:
        made.by_hand("XOM", 50, "buy")
        made.by_hand("AAPL", 30, "buy")
        made.tick(minutes=5)
        assert recover(made.engine).differences == ()
        made.step(enter("AAPL", 0.1))
        made.tick(minutes=5)
        made.step()
        portfolio = made.engine.portfolio
        assert set(portfolio.positions) == {"AAPL"} and made.held("AAPL") == 40
        assert portfolio.account.others == {"XOM": 50, "AAPL": 30}
        assert abs(portfolio.equity - 40_000) < 20
        made.stand_in.faults.plan = FaultPlan(unfilled=1.0)
        made.by_hand("AAPL", 65, "sell")
        made.stand_in.faults.plan = FaultPlan()
        made.start_again()
        assert recover(made.engine).differences == ()
        assert made.engine.state is TradingState.ACTIVE, "a person's open order halts no restart"
        assert any("is open at the broker" in text for text in made.published.alerts())
        assert made.engine.portfolio.account.reserved == {"AAPL": 35}
        made.tick(minutes=5)
        (sold,) = made.step(leave("AAPL")).plan.approved
        assert sold.order.quantity == 5, "what is held there and free there"
        made.engine.resume("a person's word that names nothing")
        made.tick(minutes=5)
        made.step(cycle=FLATTEN)
        assert made.engine.portfolio.account.others == {"XOM": 50, "AAPL": 30}


def test_named_in_a_resume_a_persons_shares_become_the_engines(made: AccountEngine) -> None:
    made.by_hand("XOM", 50, "buy")
    made.tick(minutes=5)
    made.step()
    assert made.engine.portfolio.account.others == {"XOM": 50}
    assert made.engine.portfolio.cash == made.stand_in.book.cash, "all cash of the account is the engine's"
    assert list(take_over_named(made.engine, ["XOM"])) == ["XOM"]
    assert made.held("XOM") == 50
    assert made.engine.portfolio.cash == made.stand_in.book.cash
    assert standing(made) == CLEAN and shifted_only(made)


@pytest.mark.parametrize(
    "flags",
    [
        {"trading_blocked": True}, {"account_blocked": True}, {"trade_suspended_by_user": True},
        {"status": "ACCOUNT_UPDATED"},
    ],
)  # fmt: skip
def test_a_blocked_account_gets_no_order_and_none_is_counted(
    flags: dict[str, object], made: AccountEngine
) -> None:
    made.step()
    posted, counted = dict(made.stand_in.book.post_attempts), made.engine.portfolio.trades_today
    made.events.block(**flags)
    made.tick(minutes=5)
    plan = made.step(enter("XOM", 0.1), leave("AAPL")).plan
    assert {refused.rule for refused in plan.refused} == {"account_open"}
    assert made.stand_in.book.post_attempts == posted
    assert made.engine.portfolio.trades_today == counted
    assert any("takes no orders" in text for text in made.published.alerts())
    made.stand_in.book.account_flags.clear()
    made.tick(minutes=5)
    assert len(made.step(leave("AAPL")).plan.approved) == 1
    assert any("takes orders again" in text for text in made.published.alerts())


def test_an_outage_reduces_and_ends_by_itself(made: AccountEngine) -> None:
    made.stand_in.faults.plan = FaultPlan(rate_limited=1.0)
    for _ in range(6):
        made.tick(minutes=5)
        assert made.fails()
    assert made.engine.state is TradingState.REDUCING
    made.start_again()
    assert made.engine.state is TradingState.REDUCING
    made.stand_in.faults.plan = FaultPlan()
    made.tick(minutes=5)
    made.step()
    assert standing(made) == CLEAN
    assert made.ledger.trading_state() is TradingState.ACTIVE
    assert "faults are over" in made.ledger.state_reason()


def test_what_a_person_reduced_does_not_end_with_the_faults(made: AccountEngine) -> None:
    made.engine.set_state(TradingState.REDUCING, "a person's word")
    made.stand_in.faults.plan = FaultPlan(rate_limited=1.0)
    for _ in range(6):
        made.tick(minutes=5)
        made.fails()
    made.stand_in.faults.plan = FaultPlan()
    made.tick(minutes=5)
    made.step()
    assert made.engine.state is TradingState.REDUCING


def test_the_broker_is_asked_at_most_twelve_times_an_hour_for_each_kind(made: AccountEngine) -> None:
    made.tick(minutes=20)
    made.stand_in.asked.clear()
    for minute in range(60):
        if minute % 7 == 0:
            made.engine.parts.account_check.doubt()
        made.tick(minutes=1)
        made.step(cycle=SETTLE if minute % 5 else RISK_CHECK)
    asked = Counter((path, at.hour) for at, path in made.stand_in.asked)
    for path in ("/v2/positions", "/v2/account"):
        counts = [count for (name, _), count in asked.items() if name == path]
        assert counts and max(counts) <= 12


def test_a_refused_exit_is_no_trade_of_the_day(made: AccountEngine) -> None:
    made.stand_in.faults.scripted.append(Scripted(request="POST /v2/orders", fault="reject_unprocessable"))
    before = made.engine.portfolio.trades_today
    made.step(leave("AAPL"))
    assert made.ledger.orders(1)[0].status is OrderStatus.REJECTED
    assert made.engine.portfolio.trades_today == before


def test_what_came_over_a_weekend_is_booked_though_the_first_step_after_it_fails(made: AccountEngine) -> None:
    with made.stand_in.book.lock:
        made.events.cash("CSD", Decimal("1234.56"))
    made.tick(days=3)
    made.stand_in.faults.scripted.append(Scripted(request="GET /v2/positions", fault="error_before", count=2))
    assert made.fails()
    made.tick(minutes=5)
    movements = made.step().cash_movements
    assert [moved.amount for moved in movements] == [Decimal("1234.56")]
    assert standing(made) == CLEAN


@pytest.mark.parametrize("looks", [1, 3, 4])
def test_a_list_of_positions_that_lacks_what_the_account_holds_is_asked_again_before_it_is_believed(
    looks: int, made: AccountEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as partial:
        partial.setattr(made.api, "positions", list)
        told: list[str] = []
        for _ in range(looks):
            made.tick(minutes=5)
            told += made.step().notes
    believed = looks > PUT_OFF_MAX
    assert ("AAPL" in made.engine.portfolio.account.frozen) is believed
    assert (made.held("AAPL") == 0) is believed
    assert sum("lists 0.00 USD of them" in note for note in told) == 1
    made.tick(minutes=5)
    made.step()
    assert made.held("AAPL") == 100 and standing(made) == CLEAN
