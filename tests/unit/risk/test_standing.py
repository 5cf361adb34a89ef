"""Where a portfolio stands at its limits, against figures made by hand; off is off, a gain uses no loss limit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from config.risk import DailyLimits, PortfolioLimits, RiskSettings
from core.settings_access import LimitStanding
from core.types import Order, Portfolio, Side
from risk.standing import standings
from tests.risk_builders import position

SECTORS = {"AAPL": "Technology", "MSFT": "Technology", "XOM": "Energy"}


def portfolio(last_equity: str = "10000") -> Portfolio:
    """10,000 USD: AAPL 2,000, MSFT 1,000, XOM 2,500, an order for GS under way, 4,500 cash."""
    held = {
        "AAPL": position("AAPL", quantity=Decimal(20)),
        "MSFT": position("MSFT", quantity=Decimal(10)),
        "XOM": position("XOM", quantity=Decimal(25)),
    }
    orders = [
        Order(
            client_order_id=f"{symbol}-{side.value}", decision_id="d", symbol=symbol, side=side,
            quantity=Decimal(1), reference_price=Decimal(100), rule="score",
        )
        for symbol, side in (("GS", Side.BUY), ("XOM", Side.SELL))
    ]  # fmt: skip
    return Portfolio(
        cash=Decimal(4500), positions=held, pending=tuple(orders), trades_today=5,
        session_open_equity=Decimal(last_equity), peak_equity=Decimal("12500"),
    )  # fmt: skip


def test_each_limit_is_measured_by_what_is_held_and_under_way() -> None:
    found = standings(portfolio("10101.0101"), RiskSettings(), SECTORS, faults=2)
    expected = {
        "portfolio_limits.max_positions": (4, 0.4, ""),
        "portfolio_limits.max_exposure_pct": (0.55, 0.55 / 0.8, ""),
        "portfolio_limits.max_sector_pct": (0.30, 0.75, "Technology"),
        "position_sizing.max_position_pct": (0.25, 0.25 / 0.15, "XOM"),
        "daily_limits.max_daily_trades": (5, 0.25, ""),
        "daily_limits.max_daily_loss_pct": (-0.01, 0.5, ""),
        "circuit_breakers.max_drawdown_pct": (-0.2, 2.0, ""),
        "circuit_breakers.max_consecutive_faults": (2, 0.4, ""),
    }
    assert set(found) == set(expected)
    for key, (observed, used, largest) in expected.items():
        assert found[key].observed == pytest.approx(observed, rel=1e-6), key
        assert found[key].used_pct == pytest.approx(used, rel=1e-6), key
        assert found[key].largest == largest, key


def test_what_is_off_uses_nothing_a_gain_no_loss_limit_and_a_limit_of_0_is_used_up() -> None:
    off = RiskSettings(portfolio_limits=PortfolioLimits(max_positions=None))
    found = standings(portfolio("9000"), off, SECTORS, faults=0)
    assert found["portfolio_limits.max_positions"] == LimitStanding(observed=4, used_pct=None)
    assert found["daily_limits.max_daily_loss_pct"].observed > 0
    assert found["daily_limits.max_daily_loss_pct"].used_pct == 0
    none = RiskSettings(daily_limits=DailyLimits(max_daily_trades=0))
    assert standings(portfolio(), none, SECTORS, 0)["daily_limits.max_daily_trades"].used_pct == 1


def test_an_empty_portfolio_uses_nothing() -> None:
    found = standings(Portfolio(cash=Decimal(0)), RiskSettings(), SECTORS, faults=0)
    assert {one.used_pct for one in found.values()} == {0.0}
