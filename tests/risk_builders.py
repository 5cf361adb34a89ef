"""Builders the risk tests share; tests/golden/test_sizing_cents.py keeps them honest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from config.loader import merge
from config.risk import RiskSettings
from core.types import (
    Action,
    BarPanel,
    Cycle,
    Decision,
    MarketAnalysis,
    MarketView,
    Order,
    Plan,
    Portfolio,
    Position,
    Quote,
    Regime,
    Side,
    TradingState,
)
from risk.manager import RuleBasedRiskManager

SESSIONS = np.busday_offset("2024-03-01", np.arange(30), roll="forward").astype("datetime64[D]")
TODAY: date = SESSIONS[-1].item()
DECIDE = Cycle(name="decide", submits=True)
RISK_CHECK = Cycle(name="risk_check", entries=False, submits=True)
FLATTEN = Cycle(name="flatten", entries=False, submits=True)
CALM = Regime(
    name="low_vol",
    probabilities={"low_vol": 0.9, "high_vol": 0.1},
    as_of=datetime(2024, 4, 1, tzinfo=UTC),
    exposure_scale=1.0,
    model_id="hmm",
)


def session_ago(count: int) -> date:
    day: date = SESSIONS[-1 - count].item()
    return day


def market(prices: Mapping[str, float], *, live: bool = False, **fields: Any) -> MarketView:
    """Bars that stand at `prices` for 30 sessions, seen a minute after the last close.

    With `live` the next session is open and the same prices are quotes.
    """
    table = np.tile(np.array(list(prices.values()), dtype=np.float64), (len(SESSIONS), 1))
    known = (SESSIONS.astype("datetime64[us]") + np.timedelta64(20, "h")).astype("datetime64[us]")
    bars = BarPanel(
        sessions=SESSIONS, known_at=known, symbols=tuple(prices),
        open=table, high=table, low=table, close=table, volume=table,
    )  # fmt: skip
    as_of = known[-1].item().replace(tzinfo=UTC) + timedelta(minutes=1)
    if live:
        as_of = (as_of + timedelta(days=1)).replace(hour=15)
        fields["quotes"] = {name: Quote(symbol=name, price=price, at=as_of) for name, price in prices.items()}
    return MarketView(as_of=as_of, bars=bars, market_open=live, **fields)


def position(symbol: str, *, entry: str = "100", held: int = 2, **fields: Any) -> Position:
    price = Decimal(entry)
    given = {"quantity": Decimal(10), "peak_price": price, "last_price": price, **fields}
    return Position(
        symbol=symbol,
        average_price=price,
        entry_at=datetime(2024, 3, 1, tzinfo=UTC),
        entry_session=session_ago(held),
        **given,
    )


def book(cash: str, *positions: Position, **fields: Any) -> Portfolio:
    bare = Portfolio(cash=Decimal(cash), positions={held.symbol: held for held in positions})
    given = {"session_open_equity": bare.equity, "peak_equity": bare.equity, "session": TODAY, **fields}
    return Portfolio(cash=bare.cash, positions=bare.positions, **given)


def settings(**overrides: Any) -> RiskSettings:
    return RiskSettings.model_validate(merge(RiskSettings().model_dump(), overrides))


def manager(
    limits: RiskSettings | None = None,
    *,
    sectors: Mapping[str, str] | None = None,
    fractional_shares: bool = True,
    cost_bps: float = 0.0,
) -> RuleBasedRiskManager:
    chosen = limits or RiskSettings()
    return RuleBasedRiskManager(lambda: chosen, sectors or {}, fractional_shares, cost_bps)


def enter(symbol: str, *, score: float = 0.5, p_win: float | None = 0.4) -> Decision:
    return Decision(symbol=symbol, action=Action.ENTER, score=score, confidence=0.5, rule="score", p_win=p_win)


def leave(symbol: str) -> Decision:
    return Decision(symbol=symbol, action=Action.EXIT, score=-0.5, confidence=0.5, rule="score")


def hold(symbol: str) -> Decision:
    return Decision(symbol=symbol, action=Action.HOLD, score=0.1, confidence=0.5, rule="score")


def pending(symbol: str, side: Side, quantity: str, price: str) -> Order:
    return Order(
        client_order_id=f"old-{symbol}-{side}",
        decision_id="old",
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        reference_price=Decimal(price),
        rule="score",
    )


def review(
    judge: RuleBasedRiskManager,
    decisions: Sequence[Decision],
    view: MarketView,
    portfolio: Portfolio,
    *,
    analysis: MarketAnalysis | None = None,
    state: TradingState = TradingState.ACTIVE,
    cycle: Cycle = DECIDE,
) -> Plan:
    return judge.review(
        decision_id="20240411T200100-decide-0123456789ab",
        decisions=decisions,
        view=view,
        portfolio=portfolio,
        analysis=analysis or MarketAnalysis(regime=CALM),
        state=state,
        cycle=cycle,
    )


def rules(plan: Plan) -> dict[str, str]:
    """Give the rule that refused each symbol."""
    return {refused.symbol: refused.rule for refused in plan.refused}


def bought(plan: Plan) -> list[str]:
    return [a.order.symbol for a in plan.approved if a.order.side is Side.BUY]
