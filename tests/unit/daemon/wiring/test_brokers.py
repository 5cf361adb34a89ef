"""What a new portfolio opens with, and what is said of it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from config.broker import BrokerSettings
from config.environment import OrderRoute, read_environment
from config.loader import FOLDER, load_trading
from core.types import Portfolio
from daemon.wiring.brokers import BrokerFactory


@pytest.mark.parametrize(("capital_usd", "opens_with"), [(50_000, "20000"), (20_000, "20000"), (5_000, "5000")])
def test_it_opens_with_no_more_than_the_account_has(capital_usd: float, opens_with: str) -> None:
    made = factory(OrderRoute.ALPACA_PAPER, capital_usd=capital_usd)
    account: Any = SimpleNamespace(account=lambda: Portfolio(cash=Decimal(20_000)))
    fresh: Any = SimpleNamespace(portfolio=lambda: None)
    assert made.initial_cash(account, fresh) == Decimal(opens_with)
    assert made.notes() == ()


@pytest.mark.parametrize(("begun", "is_told"), [(None, False), (Decimal(100_000), False), (Decimal(5_000), True)])
def test_a_paper_account_that_began_with_another_sum_says_so(begun: Decimal | None, is_told: bool) -> None:
    made = factory(OrderRoute.PAPER_BUILTIN, initial_cash_usd=100_000.0)
    known: Any = SimpleNamespace(portfolio=lambda: None, capital_given=lambda: begun)
    made.initial_cash(known, known)
    assert any("broker.initial_cash_usd is 100000.0 USD" in note for note in made.notes()) is is_told


@pytest.mark.parametrize(
    ("route", "is_told"),
    [(OrderRoute.PAPER_BUILTIN, True), (OrderRoute.DRY_RUN, True), (OrderRoute.ALPACA_PAPER, False)],
)
def test_a_share_of_an_account_that_is_not_alpacas_is_told_to_be_none(route: OrderRoute, is_told: bool) -> None:
    assert any("capital_share" in note for note in factory(route, capital_share=0.5).notes()) is is_told
    assert factory(route).notes() == ()


def factory(route: OrderRoute, **broker: float) -> BrokerFactory:
    trading = load_trading()
    settings = BrokerSettings.model_validate({**trading.broker.model_dump(), **broker})
    environment = read_environment({"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"})
    return BrokerFactory(environment, trading.model_copy(update={"broker": settings}), route, FOLDER)
