"""Recorded steps made by hand, for tests of what is asked of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.cycles import DECIDE, RISK_CHECK
from core.types import (
    ApprovedOrder,
    Cycle,
    MarketAnalysis,
    Order,
    Plan,
    Portfolio,
    Side,
    StepReport,
    TradingState,
)

START = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
DECIDES, CHECKS = DECIDE, RISK_CHECK


def order(decision_id: str, symbol: str) -> ApprovedOrder:
    made = Order(
        client_order_id=f"{decision_id}-{symbol}",
        decision_id=decision_id,
        symbol=symbol,
        side=Side.BUY,
        quantity=Decimal(10),
        reference_price=Decimal("100.00"),
        rule="score",
    )
    return ApprovedOrder(order=made, weight=0.1, checks=())


def report(number: int, cycle: Cycle, symbols: tuple[str, ...] = ()) -> StepReport:
    """One step; the orders it approved by symbol."""
    portfolio = Portfolio(cash=Decimal(1), session=None, session_open_equity=Decimal(1), peak_equity=Decimal(1))
    name = f"step-{number}"
    plan = Plan(
        decisions=(),
        approved=tuple(order(name, symbol) for symbol in symbols),
        refused=(),
        unchanged=(),
        portfolio=portfolio,
        analysis=MarketAnalysis(),
        state=TradingState.ACTIVE,
    )
    return StepReport(
        decision_id=name, cycle=cycle, as_of=START + timedelta(minutes=number), source="test", view_digest="",
        config_digest="", bars_until="2024-03-01", plan=plan,
    )  # fmt: skip


def ledger_of(reports: list[StepReport]) -> SqliteLedger:
    """A ledger in memory that has recorded these steps."""
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    for one in reports:
        ledger.record(one)
    return ledger
