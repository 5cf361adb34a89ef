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
def test_capital_that_the_account_does_not_have_is_said(capital_usd: float, opens_with: str) -> None:
    trading = load_trading()
    settings = BrokerSettings.model_validate({**trading.broker.model_dump(), "capital_usd": capital_usd})
    environment = read_environment({"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"})
    changed = trading.model_copy(update={"broker": settings})
    made = BrokerFactory(environment, changed, OrderRoute.ALPACA_PAPER, FOLDER)
    account: Any = SimpleNamespace(account=lambda: Portfolio(cash=Decimal(20_000)))
    fresh: Any = SimpleNamespace(portfolio=lambda: None)
    assert made.initial_cash(account, fresh) == Decimal(opens_with)
    assert any("broker.capital_usd is 50000" in note for note in made.notes()) is (capital_usd > 20_000)
