"""The portfolio as JSON: orders, positions, trades, the trading state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from pydantic import Field

from api.schemas.base import Data, ResponseSchema, example
from core.brackets import Levels
from core.round_trips import RoundTrip
from core.service import Execution, OrderRecord, RefusalRecord
from core.types import CashMovement, Fill, Portfolio, Position


class OrderAnswer(ResponseSchema):
    """An order as the ledger knows it."""

    client_order_id: str
    decision_id: str
    ticker: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    rule: str
    status: str
    route: str
    created_at: datetime
    updated_at: datetime
    reason: str

    @classmethod
    def of(cls, record: OrderRecord) -> OrderAnswer:
        """Describe an order."""
        return cls(
            client_order_id=record.client_order_id,
            decision_id=record.decision_id,
            ticker=record.symbol,
            side=record.side.value,
            quantity=Decimal(record.quantity),
            reference_price=Decimal(record.reference_price),
            rule=record.rule,
            status=record.status.value,
            route=record.route,
            created_at=record.created_at,
            updated_at=record.updated_at,
            reason=record.reason,
        )


class RefusalAnswer(ResponseSchema):
    """An order that a limit stopped before it was made, and when."""

    decision_id: str
    at: datetime
    ticker: str
    side: str
    rule: str
    limit: str
    observed: str

    @classmethod
    def of(cls, record: RefusalRecord) -> RefusalAnswer:
        """Describe a refusal."""
        return cls(
            decision_id=record.decision_id,
            at=record.at,
            ticker=record.refused.symbol,
            side=record.refused.side.value,
            rule=record.refused.rule,
            limit=record.refused.limit,
            observed=record.refused.observed,
        )


class OrdersAnswer(ResponseSchema):
    """Orders, and what limits stopped in the newest steps; both newest first."""

    orders: list[OrderAnswer]
    refused: list[RefusalAnswer]
    data: Data


class ExecutionAnswer(ResponseSchema):
    """What executing a decision did or, as a dry run, would do."""

    model_config = example(
        decision_id="20250630T194500-decide-0f3c5a7d9e1b", dry_run=True, route="built-in paper broker", orders=[]
    )

    decision_id: str
    dry_run: bool
    route: str
    orders: list[OrderAnswer]
    warnings: list[str] = Field(description="What a person should know, such as that nobody watches the stops.")
    data: Data

    @classmethod
    def of(cls, execution: Execution, data: Data) -> ExecutionAnswer:
        """Describe an execution."""
        return cls(
            decision_id=execution.decision_id,
            dry_run=execution.dry_run,
            route=execution.route,
            orders=[OrderAnswer.of(record) for record in execution.orders],
            warnings=list(execution.warnings),
            data=data,
        )


class PositionAnswer(ResponseSchema):
    """Shares held, in US dollars."""

    ticker: str
    quantity: Decimal
    average_price: Decimal = Field(
        description="Mean entry price in today's shares, less the dividends since: the return is total return."
    )
    last_price: Decimal
    value: Decimal
    profit_pct: float = Field(description="Return since entry, as a fraction.")
    entry_at: datetime
    entry_session: date
    peak_price: Decimal
    missed_count: int
    stop_price: Decimal | None = Field(description="The nearest stop of the risk check.")
    stop_rule: str | None
    target_price: Decimal | None = Field(description="The nearest target of the risk check.")
    target_rule: str | None

    @classmethod
    def of(cls, position: Position, levels: Levels | None) -> PositionAnswer:
        """Describe a position."""
        return cls(
            ticker=position.symbol,
            quantity=position.quantity,
            average_price=position.average_price,
            last_price=position.last_price,
            value=position.value,
            profit_pct=position.profit_pct,
            entry_at=position.entry_at,
            entry_session=position.entry_session,
            peak_price=position.peak_price,
            missed_count=position.missed_count,
            stop_price=levels.stop_price if levels else None,
            stop_rule=levels.stop_rule if levels else None,
            target_price=levels.target_price if levels else None,
            target_rule=levels.target_rule if levels else None,
        )


class PositionsAnswer(ResponseSchema):
    """The portfolio after the last step, in US dollars."""

    cash: Decimal
    equity: Decimal
    daily_return: float = Field(description="Return since the session began, as a fraction.")
    drawdown: float = Field(description="Distance below the highest equity ever, at or below 0.")
    breaker_daily_return: float = Field(description="What the daily limit sees: since the last resume, if later.")
    breaker_drawdown: float = Field(description="What the drawdown limit sees: since the last resume, if later.")
    trades_today: int = Field(description="Fills of the session.")
    orders_today: int = Field(description="Orders approved to be sent: what `max_daily_trades` counts.")
    positions: list[PositionAnswer]
    pending: list[str] = Field(description="client_order_id of orders sent and not yet filled.")
    data: Data

    @classmethod
    def of(
        cls, portfolio: Portfolio, levels: Mapping[str, Levels], data: Data, *, fill_count: int
    ) -> PositionsAnswer:
        """Describe the portfolio, which had so many fills in its session."""
        return cls(
            cash=portfolio.cash,
            equity=portfolio.equity,
            daily_return=portfolio.daily_return,
            drawdown=portfolio.drawdown,
            breaker_daily_return=portfolio.breaker_daily_return,
            breaker_drawdown=portfolio.breaker_drawdown,
            trades_today=fill_count,
            orders_today=portfolio.trades_today,
            positions=[
                PositionAnswer.of(held, levels.get(symbol))
                for symbol, held in sorted(portfolio.positions.items())
            ],
            pending=[order.client_order_id for order in portfolio.pending],
            data=data,
        )


class TradeAnswer(ResponseSchema):
    """A closed round trip, in US dollars."""

    ticker: str
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    profit: Decimal
    profit_pct: float
    exit_rule: str
    dividends: Decimal = Field(description="Cash it paid while it was held; part of the profit.")

    @classmethod
    def of(cls, trade: RoundTrip) -> TradeAnswer:
        """Describe a round trip."""
        return cls(
            ticker=trade.symbol,
            quantity=trade.quantity,
            entry_at=trade.entry_at,
            entry_price=trade.entry_price,
            exit_at=trade.exit_at,
            exit_price=trade.exit_price,
            profit=trade.profit_usd,
            profit_pct=trade.profit_pct,
            exit_rule=trade.exit_rule,
            dividends=trade.dividends_usd,
        )


class FillAnswer(ResponseSchema):
    """A fill, in US dollars."""

    fill_id: str
    client_order_id: str
    ticker: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime

    @classmethod
    def of(cls, fill: Fill) -> FillAnswer:
        """Describe a fill."""
        return cls(
            fill_id=fill.fill_id,
            client_order_id=fill.client_order_id,
            ticker=fill.symbol,
            side=fill.side.value,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            at=fill.at,
        )


class CashMovementAnswer(ResponseSchema):
    """Cash that came or went without a trade, in US dollars."""

    movement_id: str
    kind: str = Field(description="`dividend`, `interest`, `fee`, `deposit`, `withdrawal` or `other`.")
    ticker: str | None
    amount: Decimal
    at: datetime
    note: str

    @classmethod
    def of(cls, movement: CashMovement) -> CashMovementAnswer:
        """Describe a cash movement."""
        return cls(
            movement_id=movement.movement_id,
            kind=movement.kind.value,
            ticker=movement.symbol,
            amount=movement.amount,
            at=movement.at,
            note=movement.note,
        )


class TradesAnswer(ResponseSchema):
    """Closed round trips, single fills and cash movements, newest first."""

    trades: list[TradeAnswer]
    fills: list[FillAnswer]
    cash_movements: list[CashMovementAnswer]
    data: Data


class StateAnswer(ResponseSchema):
    """What the engine may do now."""

    model_config = example(trading_state="halted")

    trading_state: str
    data: Data
