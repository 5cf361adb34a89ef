"""A rules-only strategy on a small market, for the laws of backtests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from agents.top_of_universe import TopNStrategy
from backtest.app.engine import BacktestEngine, build_backtest_engine
from backtest.runner import Run
from backtest.runner import run as run_steps
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.cycles import DECIDE
from core.ports import Team
from core.types import BarPanel, Cycle, Floats, MarketView

LOOK_BACK, COUNT, EVERY, EXPOSURE = 21, 10, 5, 0.9
WATCHED = replace(DECIDE, submits=True, protects=True)
UNWATCHED = replace(DECIDE, submits=True)
OFF: Mapping[str, Any] = {
    "position_sizing": {"max_position_pct": 1.0, "min_position_pct": 0.0},
    "portfolio_limits": {
        "max_positions": 8,
        "max_exposure_pct": 1.0,
        "max_sector_pct": 1.0,
        "min_order_usd": 0.0,
        "min_resize_pct": 0.0,
        "spend_pending_sales": True,
    },
    "daily_limits": {"max_daily_loss_pct": -1.0, "max_daily_trades": 10_000},
    "circuit_breakers": {"max_drawdown_pct": -1.0},
    "swing_exit": {
        "stop_loss_pct": -1.0,
        "take_profit_pct": 100.0,
        "max_hold_days": 100_000,
        "consecutive_miss_limit": 100_000,
    },
    "risk_check": {"stop_loss_pct": -0.03, "take_profit_pct": 0.05, "dynamic_stops": False},
}


def momentum(view: MarketView) -> Floats:
    """The return over the last 21 sessions, one a column; NaN where there is none."""
    close = view.bars.close
    if len(close) <= LOOK_BACK:
        return np.full(close.shape[1], np.nan)
    gained: Floats = close[-1] / close[-1 - LOOK_BACK] - 1
    return gained


def top_of(panel: BarPanel) -> Team:
    """Hold the ten best at equal weight, chosen every five weekdays."""
    return TopNStrategy(panel.symbols, momentum, count=COUNT, every_sessions=EVERY, exposure=EXPOSURE)


def trading(**broker: float) -> TradingSettings:
    """The defaults with these costs and this cash."""
    return TradingSettings.model_validate({"broker": broker})


def risk() -> RiskSettings:
    """No limit but eight names at most, a stop at -3 % and a target at +5 % where they are watched."""
    return RiskSettings.model_validate(OFF)


def backtest_engine(
    panel: BarPanel, settings: TradingSettings, team_of: Callable[[BarPanel], Team] = top_of
) -> BacktestEngine:
    """An engine on a panel."""
    return build_backtest_engine(panel, settings, risk(), team_of, source="simulated")


def run(
    made: BacktestEngine, cycle: Cycle, last: int | None = None, after: Callable[[int], None] = lambda _: None
) -> Run:
    """Step through the closes of rows 0 to `last`; `after` is told each row that was stepped."""
    end = len(made.panel.sessions) - 1 if last is None else last
    steps = [(at, cycle) for at in made.panel.closed_at[: end + 1]]
    return run_steps(
        made.engine, made.clock, steps, resume_after_sessions=0, progress=lambda done, _: after(done - 1)
    )


def assert_it_did_something(made: Run) -> None:
    """A simulation that traded nothing would pass every law."""
    sides = [fill.side.value for fill in made.fills]
    assert min(sides.count("buy"), sides.count("sell")) > 20
    assert sum(made.refusals.values()) > 5
