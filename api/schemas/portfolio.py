"""The portfolio as JSON: orders, positions, trades, the trading state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from pydantic import AliasPath, Field

from api.schemas.base import TICKER, Data, ResponseSchema, example
from core.brackets import Levels
from core.protection import PositionProtection
from core.service import LedgerQueries, OrderRecord
from core.slippage import Executed, fill_slippage_bps, slippage_bps
from core.types import Fill, Portfolio

NO_LEVELS = Levels(None, None, None, None)


class OrderAnswer(ResponseSchema):
    """An order as the ledger knows it."""

    client_order_id: str
    decision_id: str
    ticker: str = TICKER
    side: str
    quantity: Decimal
    reference_price: Decimal
    rule: str
    status: str
    route: str
    created_at: datetime
    updated_at: datetime
    reason: str
    filled_quantity: Decimal = Field(default=Decimal(0), description="Shares that have traded so far.")
    average_price: Decimal | None = Field(default=None, description="Mean price of those; null for none.")
    slippage_bps: float | None = Field(
        default=None, description="How much worse than the reference they traded, basis points."
    )

    @classmethod
    def of_order(cls, record: OrderRecord, executed: Executed | None) -> OrderAnswer:
        """Describe an order and what of it has traded."""
        if executed is None:
            return cls.of(record)
        bps = slippage_bps(record.side, executed.average_price, Decimal(record.reference_price))
        return cls.of(
            record, filled_quantity=executed.quantity, average_price=executed.average_price, slippage_bps=bps
        )


def described_orders(found: Sequence[OrderRecord], ledger: LedgerQueries) -> list[OrderAnswer]:
    """Describe orders, each with what of it has traded."""
    executed = ledger.executed([order.client_order_id for order in found])
    return [OrderAnswer.of_order(order, executed.get(order.client_order_id)) for order in found]


class RefusalAnswer(ResponseSchema):
    """An order that a limit stopped before it was made, and when."""

    decision_id: str
    at: datetime
    ticker: str = Field(validation_alias=AliasPath("refused", "symbol"))
    side: str = Field(validation_alias=AliasPath("refused", "side"))
    rule: str = Field(validation_alias=AliasPath("refused", "rule"))
    limit: str = Field(validation_alias=AliasPath("refused", "limit"))
    observed: str = Field(validation_alias=AliasPath("refused", "observed"))


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


class ProtectionAnswer(ResponseSchema):
    """Where the stop of a position rests when our process is gone, and what of it has none."""

    rests_at: str = Field(description="Who holds it; empty when nobody does: then only this process watches it.")
    quantity: Decimal = Field(description="Shares that it covers.")
    bare_quantity: Decimal = Field(description="Shares without a resting stop.")
    bare_reason: str
    stop_price: Decimal | None
    target_price: Decimal | None
    client_order_id: str | None


class PositionAnswer(ResponseSchema):
    """Shares held, in US dollars."""

    ticker: str = TICKER
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
    protection: ProtectionAnswer | None = Field(description="Null where nothing is left with a broker.")


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
    def of_portfolio(
        cls,
        portfolio: Portfolio,
        levels: Mapping[str, Levels],
        protection: Mapping[str, PositionProtection],
        data: Data,
        *,
        fill_count: int,
    ) -> PositionsAnswer:
        """Describe the portfolio, which had so many fills in its session."""
        return cls.of(
            portfolio,
            trades_today=fill_count,
            orders_today=portfolio.trades_today,
            positions=[
                PositionAnswer.of(
                    held, **levels.get(symbol, NO_LEVELS)._asdict(), protection=protection.get(symbol)
                )
                for symbol, held in sorted(portfolio.positions.items())
            ],
            pending=[order.client_order_id for order in portfolio.pending],
            data=data,
        )


class TradeAnswer(ResponseSchema):
    """A closed round trip, in US dollars."""

    ticker: str = TICKER
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    profit: Decimal = Field(validation_alias="profit_usd")
    profit_pct: float
    exit_rule: str
    dividends: Decimal = Field(
        validation_alias="dividends_usd", description="Cash it paid while it was held; part of the profit."
    )


class FillAnswer(ResponseSchema):
    """A fill, in US dollars."""

    fill_id: str
    client_order_id: str
    ticker: str = TICKER
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    rule: str
    reference_price: Decimal | None = Field(description="What the decision stood on; for a stop its price.")
    slippage_bps: float | None = Field(description="How much worse than the reference it traded, basis points.")

    @classmethod
    def of_fill(cls, fill: Fill, reference_prices: Mapping[str, Decimal]) -> FillAnswer:
        """Describe a fill beside what its decision stood on."""
        return cls.of(
            fill,
            reference_price=reference_prices.get(fill.client_order_id),
            slippage_bps=fill_slippage_bps(fill, reference_prices),
        )


class CashMovementAnswer(ResponseSchema):
    """Cash that came or went without a trade, in US dollars."""

    movement_id: str
    kind: str = Field(description="`dividend`, `interest`, `fee`, `deposit`, `withdrawal` or `other`.")
    ticker: str | None = TICKER
    amount: Decimal
    at: datetime
    note: str


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


class ResumeAnswer(StateAnswer):
    """What a resume took over because it was named, and what it would take over if it were; in words."""

    model_config = example(trading_state="active", taken_over={}, offered={})

    taken_over: dict[str, str]
    offered: dict[str, str]


class ReconciledCash(ResponseSchema):
    """US dollars; `unexplained` is 0 within the tolerance."""

    ledger: Decimal
    account: Decimal | None
    unexplained: Decimal


class FrozenAnswer(ResponseSchema):
    """A ticker that is not traded as usual: shares are missing, or a person sold them by hand."""

    ticker: str = TICKER
    expected: Decimal
    observed: Decimal
    missing: Decimal
    since: datetime
    reason: str
    exits_allowed: bool


class ForeignOrder(ResponseSchema):
    """An open order in the account that is not the engine's."""

    client_order_id: str
    ticker: str = TICKER
    side: str
    quantity: Decimal


class LeftAlone(ResponseSchema):
    """What is in the account and not the engine's: never sold, never cancelled, counted nowhere."""

    shares: dict[str, Decimal]
    orders: list[ForeignOrder]


class ReconciliationAnswer(ResponseSchema):
    """The last comparison of the ledger with the broker's account."""

    at: datetime | None
    agrees: bool
    differences: list[str]
    entries_stopped: str
    restricted: str
    cash: ReconciledCash
    frozen: list[FrozenAnswer]
    left_alone: LeftAlone
    not_free: dict[str, Decimal] = Field(description="Shares of the engine's that a person's orders hold back.")
    resume_can_take_over: dict[str, str] = Field(description="By the names that POST /resume takes.")
    data: Data
