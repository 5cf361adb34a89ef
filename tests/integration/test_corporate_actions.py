"""Corporate actions of a held position on the default route: real yfinance, cache, feed, paper broker, ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.types import ActionKind, CorporateAction, OrderStatus, Side, StepReport, TradingState
from tests.small_engine import enter, leave
from tests.split_market import BOUGHT, ENTRY, EX_DATE, Desk, Market, at, market_of, open_desk

CASH = 100_362.10  # buys 5.721406 shares for 15 % of it
MOVES = (1.0, 0.995, 1.004, 1.009)
"""META's price on the ex-date over its entry: plausible one by one, and within its stops and targets."""


def bought(market: Market, folder: Path) -> Desk:
    """Buy META on the day before."""
    desk = open_desk(market, folder, cash=CASH)
    desk.step(at(BOUGHT, 1), ENTRY, enter("META", 0.15))
    desk.step(at(BOUGHT, 5), ENTRY)
    assert desk.engine.portfolio.positions["META"].quantity == Decimal("5.721406")
    return desk


def through_the_day(desk: Desk, folder: Path, *, restarts: bool = False) -> list[StepReport]:
    """Step through the ex-date, from before the open until its bar is out."""
    reports = []
    moments = [(at(EX_DATE, -30), 1.0), *((at(EX_DATE, 1 + 60 * k), move) for k, move in enumerate(MOVES))]
    for moment, move in (*moments, (at(EX_DATE, 430), 1.0)):
        if restarts:
            desk.close()
            desk = open_desk(desk.market, folder, cash=CASH)
        reports.append(desk.step(moment, ENTRY * move))
    desk.close()
    return reports


def equities(reports: list[StepReport]) -> list[Decimal]:
    return [round(report.plan.portfolio.equity, 2) for report in reports]


def untouched(reports: list[StepReport]) -> None:
    """Nothing was ordered, refused or halted."""
    assert not any(report.plan.approved or report.plan.refused for report in reports)
    assert {report.plan.state for report in reports} == {TradingState.ACTIVE}


def run(tmp_path: Path, name: str, *, restarts: bool = False, **changes: object) -> list[StepReport]:
    folder = tmp_path / name
    folder.mkdir()
    with market_of(**changes) as market:
        return through_the_day(bought(market, folder), folder, restarts=restarts)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[StepReport]:
    """The same days without a corporate action."""
    return run(tmp_path_factory.mktemp("without"), "plain")


@pytest.mark.parametrize("restarts", [False, True])
def test_a_split_of_a_held_position_changes_its_shares_and_nothing_else(
    tmp_path: Path, plain: list[StepReport], restarts: bool
) -> None:
    split = run(tmp_path, "split", new=4, restarts=restarts)
    assert len(set(equities(plain))) >= 3, "the price moved"
    assert equities(split) == equities(plain)
    untouched(split)
    (action,) = [action for report in split for action in report.actions]
    assert (action.kind, action.ratio, action.ex_date) == (ActionKind.SPLIT, Decimal(4), EX_DATE)
    for before, after in zip(plain[1:], split[1:], strict=True):
        held, was = after.plan.portfolio.positions["META"], before.plan.portfolio.positions["META"]
        assert (held.quantity, round(held.average_price, 4)) == (Decimal("22.885624"), Decimal("657.8066"))
        assert abs(held.peak_price * 4 - was.peak_price) < Decimal("0.001")
        assert held.entry_at == was.entry_at
        (bracket,), (unsplit,) = after.plan.protections, before.plan.protections
        levels, old = bracket.levels(held.average_price), unsplit.levels(was.average_price)
        assert (
            levels.stop_price
            and old.stop_price
            and abs(levels.stop_price * 4 - old.stop_price) < Decimal("0.001")
        )
        assert levels.target_price and old.target_price
        assert abs(levels.target_price * 4 - old.target_price) < Decimal("0.001")


@pytest.mark.parametrize(("new", "old"), [(2, 1), (3, 2), (21, 20), (1, 8), (1, 3), (1281, 1000)])
def test_every_ratio_keeps_equity(tmp_path: Path, plain: list[StepReport], new: int, old: int) -> None:
    split = run(tmp_path, "split", new=new, old=old)
    for one, other in zip(equities(split), equities(plain), strict=True):
        assert abs(one - other) <= Decimal("0.01"), (
            "a share is counted to its millionth, a price to its ten-thousandth"
        )
    untouched(split)
    held = split[-1].plan.portfolio.positions["META"]
    assert held.quantity == round(Decimal("5.721406") * new / old, 6)


def test_an_order_sent_before_the_split_fills_in_new_shares(tmp_path: Path) -> None:
    with market_of(new=4) as market:
        desk = bought(market, tmp_path)
        evening = desk.step(at(BOUGHT, 430), ENTRY, leave("META"))
        (order,) = [approved.order for approved in evening.plan.approved]
        report = desk.step(at(EX_DATE, 1), ENTRY)
        sale = report.fills[-1]
        assert (sale.client_order_id, sale.side) == (order.client_order_id, Side.SELL)
        assert (sale.quantity, sale.price) == (Decimal("22.885624"), Decimal("657.8066"))
        assert report.plan.portfolio.positions == {} and report.plan.portfolio.pending == ()
        record = desk.ledger.order(order.client_order_id)
        assert record is not None and record.status is OrderStatus.FILLED
        assert (Decimal(record.quantity), Decimal(record.reference_price)) == (sale.quantity, sale.price)
        (trade,) = desk.ledger.trades(5)
        assert (trade.quantity, trade.entry_price, trade.exit_price) == (sale.quantity, sale.price, sale.price)
        assert trade.profit_usd == desk.engine.portfolio.cash - Decimal(repr(CASH)).quantize(Decimal("0.01"))
        desk.close()


def test_a_dividend_is_paid_in_cash_on_the_ex_date_and_sets_off_no_stop(
    tmp_path: Path, plain: list[StepReport]
) -> None:
    for name, dividend in (("ordinary", 13.0), ("special", 263.12264)):
        paid = run(tmp_path, name, dividend=dividend)
        untouched(paid)
        (movement,) = [movement for report in paid for movement in report.cash_movements]
        assert movement.amount == round(Decimal("5.721406") * round(Decimal(repr(dividend)), 6), 2)
        for one, other in zip(equities(paid), equities(plain), strict=True):
            assert abs(one - other) <= Decimal("0.01"), "cash is paid to the cent"
        held = paid[-1].plan.portfolio.positions["META"]
        assert held.quantity == Decimal("5.721406")
        assert held.profit_pct == pytest.approx(0.0, abs=1e-6), "total return: it fell by what it paid"


def test_who_sold_before_the_news_of_a_dividend_is_paid_and_who_bought_on_the_ex_date_is_not(
    tmp_path: Path,
) -> None:
    with market_of(dividend=13.0, listed=False, restated=False) as market:
        desk = bought(market, tmp_path)
        desk.step(at(EX_DATE, 1), ENTRY, leave("META"))
        sold = desk.step(at(EX_DATE, 6), ENTRY)
        assert [fill.side for fill in sold.fills] == [Side.SELL] and not sold.cash_movements
        desk.step(at(EX_DATE, 10), ENTRY, enter("XOM", 0.1))
        market.listed = market.restated = True
        late = desk.step(at(EX_DATE, 430), ENTRY)
        (movement,) = late.cash_movements
        assert movement.amount == Decimal("74.38")
        assert late.plan.portfolio.cash == sold.plan.portfolio.cash + movement.amount - sum(
            (-fill.cash_change for fill in late.fills), Decimal(0)
        )
        again = desk.step(at(EX_DATE, 435), ENTRY)
        assert not again.cash_movements and not again.actions
        desk.close()


WITNESSES = [
    ({"restated": False}, "its past prices are not restated for it"),
    ({"listed": False}, "no listed action explains it"),
    ({"live": False}, "the live price 2631.23 against the last close 657.807 contradicts it"),
]


@pytest.mark.parametrize(("silent", "reason"), WITNESSES)
def test_where_the_witnesses_disagree_the_symbol_is_frozen_until_they_agree(
    tmp_path: Path, silent: dict[str, bool], reason: str
) -> None:
    with market_of(new=4, **silent) as market:
        desk = bought(market, tmp_path)
        before = desk.engine.portfolio
        if "listed" in silent:  # nobody says so: the restated history is found with the next day's bars
            market.live = False
            desk.step(at(EX_DATE, 1), ENTRY)
            market.live = True
            seen = desk.step(at(EX_DATE, 430), ENTRY)
        else:
            seen = desk.step(at(EX_DATE, 1), ENTRY)
        assert reason in seen.stale["META"] and "trading.json" in seen.stale["META"]
        for report in (seen, desk.step(seen.as_of, ENTRY)):
            assert not report.fills and not report.actions and not report.plan.approved
            assert report.plan.portfolio.positions == before.positions
            assert report.plan.portfolio.equity == before.equity and report.plan.state is TradingState.ACTIVE
        assert any("META has no live price" in alert for alert in seen.plan.alerts)
        desk.close()
        desk = open_desk(market, tmp_path, cash=CASH)
        assert "META" in desk.step(seen.as_of, ENTRY).stale, "a restart forgets no doubt"
        market.listed = market.restated = market.live = True
        agreed = desk.step(at(EX_DATE, 450 if "listed" in silent else 60), ENTRY)
        assert "META" not in agreed.stale
        assert agreed.plan.portfolio.positions["META"].quantity == Decimal("22.885624")
        assert agreed.plan.portfolio.equity == before.equity
        desk.close()


def test_a_person_says_what_nobody_else_does(tmp_path: Path) -> None:
    said = CorporateAction(symbol="META", kind=ActionKind.SPLIT, ex_date=EX_DATE, ratio=Decimal(4), source="user")
    with market_of(new=4, listed=False) as market:
        desk = bought(market, tmp_path)
        equity = desk.engine.portfolio.equity
        desk.close()
        desk = open_desk(market, tmp_path, cash=CASH, said=(said,))
        report = desk.step(at(EX_DATE, 430), ENTRY)
        assert "META" not in report.stale and report.actions == (said,)
        assert report.plan.portfolio.positions["META"].quantity == Decimal("22.885624")
        assert report.plan.portfolio.equity == equity
        desk.close()


EXCHANGES = [
    (ActionKind.RENAME, {"new_symbol": "XOM"}, {"XOM": 5.721406 * ENTRY}),
    (
        ActionKind.MERGER,
        {"new_symbol": "XOM", "ratio": Decimal("0.5"), "cash_per_share": Decimal(10)},
        {"XOM": 314.67733},
    ),
    (ActionKind.MERGER, {"cash_per_share": Decimal(2700)}, {}),
    (ActionKind.DELISTING, {}, {}),
    (ActionKind.SPIN_OFF, {"new_symbol": "XOM", "ratio": Decimal("0.25")}, {"META": 0.0, "XOM": 157.338665}),
]


@pytest.mark.parametrize(("kind", "fields", "left"), EXCHANGES)
def test_what_a_person_says_of_a_company_that_is_no_more_is_booked(
    tmp_path: Path, kind: ActionKind, fields: dict[str, object], left: dict[str, float]
) -> None:
    said = CorporateAction(symbol="META", kind=kind, ex_date=EX_DATE, source="user", **fields)  # type: ignore[arg-type]  # by name
    with market_of() as market:
        desk = bought(market, tmp_path)
        before = desk.engine.portfolio
        desk.close()
        desk = open_desk(market, tmp_path, cash=CASH, said=(said,))
        report = desk.step(at(EX_DATE, 1), ENTRY)
        assert [action.action_id for action in report.actions] == [said.action_id]
        after = report.plan.portfolio
        assert set(after.positions) == set(left)
        account = desk.broker.account()
        assert account.cash == after.cash
        assert {n: p.quantity for n, p in account.positions.items()} == {
            n: p.quantity for n, p in after.positions.items()
        }
        if kind is ActionKind.DELISTING:
            assert after.cash == before.cash
        elif said.new_symbol and kind is not ActionKind.RENAME:
            assert float(after.positions["XOM"].value) == pytest.approx(left["XOM"], abs=0.01)
        again = desk.step(at(EX_DATE, 6), ENTRY)
        assert not again.actions and not again.fills
        desk.close()
