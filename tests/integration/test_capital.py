"""`broker.capital_usd` changed after the first start: the difference moves with the next one, at no profit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.alpaca.capital import Capital
from core.types import CashKind
from pipeline.reconciliation import recover
from tests.account_engine import AccountEngine, account_engine
from tests.small_engine import enter, leave

ACCOUNT_USD = Decimal(60_000)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[AccountEngine]:
    """Give an engine with 20,000 of the account's 60,000 USD, 3,000 of it in AAPL."""
    with account_engine(tmp_path, cash=ACCOUNT_USD, capital=Capital(usd=Decimal(20_000))) as opened:
        recover(opened.engine)
        opened.step(enter("AAPL", 0.15))
        opened.tick(minutes=5)
        opened.step()
        assert opened.held("AAPL") == 30
        assert opened.broker.notes() == ()
        yield opened


def start_with(made: AccountEngine, usd: int) -> tuple[str, ...]:
    made.capital = Capital(usd=Decimal(usd))
    made.start_again()
    made.tick(minutes=5)
    found = recover(made.engine)
    assert found.differences == ()
    return found.mended


def given_usd(made: AccountEngine) -> Decimal:
    found = made.ledger.capital_given()
    assert found is not None
    return found


def test_what_is_added_or_taken_is_no_profit_and_moves_once(made: AccountEngine) -> None:
    before = made.engine.portfolio
    for usd, kind in ((35_000, CashKind.DEPOSIT), (22_500, CashKind.WITHDRAWAL), (35_000, CashKind.DEPOSIT)):
        change = Decimal(usd) - given_usd(made)
        (told,) = start_with(made, usd)
        assert f"broker.capital_usd is {usd} USD now" in told
        assert made.ledger.cash_movements(1)[0].kind is kind
        assert made.ledger.cash_movements(1)[0].amount == change
        assert made.engine.portfolio.cash == before.cash + usd - 20_000
        assert abs(made.engine.portfolio.drawdown - before.drawdown) < 1e-4
        assert abs(made.engine.portfolio.daily_return - before.daily_return) < 1e-4
        for _ in range(2):
            made.tick(minutes=5)
            assert made.step().cash_movements == ()
        assert start_with(made, usd) == ()
        assert made.broker.notes() == ()
    assert made.ledger.paid_in_total() == 15_000


def test_what_the_account_does_not_have_is_told_and_comes_when_it_does(made: AccountEngine) -> None:
    start_with(made, 100_000)
    assert made.engine.portfolio.cash == made.stand_in.book.cash  # all of it, and not more
    (note,) = made.broker.notes()
    assert "capital_usd is 100000 USD and the engine has been given 60000" in note
    assert "the account has no cash for the other 40000" in note
    made.events.cash("CSD", Decimal(50_000))
    made.tick(minutes=5)
    assert made.step().cash_movements == ()  # a person's, until the next start
    start_with(made, 100_000)
    assert given_usd(made) == 100_000
    assert made.broker.notes() == ()
    assert made.stand_in.book.cash - made.engine.portfolio.cash == 10_000


def test_what_is_in_shares_is_paid_out_when_it_is_cash_again(made: AccountEngine) -> None:
    start_with(made, 2_000)
    assert made.engine.portfolio.cash == 0
    (note,) = made.broker.notes()
    assert "are in shares" in note
    made.step(leave("AAPL"))
    made.tick(minutes=5)
    made.step()
    assert made.held("AAPL") == 0
    start_with(made, 2_000)
    assert given_usd(made) == 2_000
    assert made.broker.notes() == ()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 90_000), min_size=1, max_size=4))
def test_the_engine_never_has_cash_that_the_account_lacks(tmp_path: Path, wanted: list[int]) -> None:
    folder = tmp_path / str(abs(hash(tuple(wanted))))
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with account_engine(folder, cash=ACCOUNT_USD, capital=Capital(usd=Decimal(20_000))) as made:
        recover(made.engine)
        for usd in wanted:
            start_with(made, usd)
            assert 0 <= made.engine.portfolio.cash <= made.stand_in.book.cash
            assert given_usd(made) == min(Decimal(usd), ACCOUNT_USD)
            assert bool(made.broker.notes()) is (usd > ACCOUNT_USD)
