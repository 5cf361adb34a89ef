"""What was earned and where, as JSON: closed trades, calendar, performance, a ticker's history."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from pydantic import AliasPath, Field

from api.schemas.base import TICKER, Data, ResponseSchema, example

USD = "US dollars, to the cent."


class ClosedTradeAnswer(ResponseSchema):
    """A closed round trip with what it cost and why it began and ended, in US dollars."""

    number: int = Field(description="From 1, in the order in which they closed; a trade keeps it.")
    ticker: str = TICKER
    sector: str
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    profit: Decimal = Field(validation_alias="profit_usd", description="After fees, with dividends.")
    profit_pct: float = Field(description="Profit over cost, a fraction.")
    dividends: Decimal = Field(validation_alias="dividends_usd")
    fees: Decimal = Field(validation_alias="fees_usd")
    slippage: Decimal = Field(
        validation_alias="slippage_usd",
        description="How much worse than the prices their decisions stood on the fills traded.",
    )
    holding_days: float
    entry_rule: str
    exit_rule: str
    agent: str = Field(description="Whose vote weighed most in the entry; empty where nobody voted.")
    entry_decision_id: str
    exit_decision_id: str


TRADE_EXAMPLE = {
    "number": 123, "ticker": "NVDA", "sector": "Semiconductors", "quantity": "81",
    "entry_at": "2025-06-16T13:31:00Z",
    "entry_price": "143.12", "exit_at": "2025-06-24T15:10:00Z", "exit_price": "149.40", "profit": "506.14",
    "profit_pct": 0.0437, "dividends": "0", "fees": "2.54", "slippage": "5.80", "holding_days": 8.07,
    "entry_rule": "score", "exit_rule": "take_profit", "agent": "quant",
    "entry_decision_id": "20250613T194500-decide-0f3c5a7d9e1b",
    "exit_decision_id": "20250624T151000-risk_check-1b",
}  # fmt: skip


class ClosedTradesAnswer(ResponseSchema):
    """Closed round trips, newest first."""

    model_config = example(total=123, profit="5061.40", trades=[TRADE_EXAMPLE])

    total: int = Field(description="How many there are in the ledger.")
    profit: Decimal = Field(description=f"Of all of them, {USD}")
    trades: list[ClosedTradeAnswer]
    data: Data


class TradeFillAnswer(ResponseSchema):
    """One fill of a trade, in US dollars."""

    fill_id: str
    client_order_id: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    rule: str


class TradeDetailAnswer(ClosedTradeAnswer):
    """A closed round trip and its fills, oldest first."""

    model_config = example(**TRADE_EXAMPLE, fills=[])

    fills: list[TradeFillAnswer]
    data: Data


class PeriodAnswer(ResponseSchema):
    """What a session, a month or a year brought, in US dollars."""

    period: str
    profit: Decimal = Field(validation_alias="profit_usd", description="Change of equity without payments.")
    return_pct: float = Field(description="Compounded by session, a fraction.")
    realised: Decimal = Field(validation_alias="realised_usd", description="Of the trades that closed in it.")
    trades: int = Field(description="How many closed in it.")
    paid_in: Decimal = Field(validation_alias="paid_in_usd", description="By a person; no profit.")


class CalendarAnswer(ResponseSchema):
    """Profit by session (in New York), month and year, oldest first; each adds up to the change of equity."""

    model_config = example(
        opening="100000.00", closing="101250.40", days=[], years=[],
        months=[{
            "period": "2025-06", "profit": "1250.40", "return_pct": 0.0125, "realised": "980.10", "trades": 17,
            "paid_in": "0",
        }],
    )  # fmt: skip

    opening: Decimal = Field(validation_alias="opening_usd", description=f"Equity before the first step, {USD}")
    closing: Decimal = Field(validation_alias="closing_usd", description=f"Equity after the last, {USD}")
    days: list[PeriodAnswer]
    months: list[PeriodAnswer]
    years: list[PeriodAnswer]
    data: Data


class GroupAnswer(ResponseSchema):
    """What the closed trades of a group earned, in US dollars."""

    name: str
    trades: int
    won: int
    profit: Decimal = Field(validation_alias="profit_usd")
    fees: Decimal = Field(validation_alias="fees_usd")
    slippage: Decimal = Field(validation_alias="slippage_usd")
    dividends: Decimal = Field(validation_alias="dividends_usd")
    return_mean_pct: float
    holding_days_mean: float


class PerformanceAnswer(ResponseSchema):
    """What closed trades earned by group, best first; each grouping adds up to the same profit."""

    model_config = example(
        profit="5061.40", trades=123, by={"weekday": [{
            "name": "Monday", "trades": 24, "won": 14, "profit": "812.30", "fees": "61.20", "slippage": "140.10",
            "dividends": "8.10", "return_mean_pct": 0.004, "holding_days_mean": 7.9,
        }]},
    )  # fmt: skip

    profit: Decimal = Field(description=f"Of all closed trades, {USD}")
    trades: int
    by: dict[str, list[GroupAnswer]] = Field(
        description="`ticker`, `sector`, `agent`, `exit_rule` and `weekday` (of the last sale, in New York)."
    )
    data: Data


class CandlesAnswer(ResponseSchema):
    """Daily bars, oldest first, adjusted for splits and dividends; null where there is no bar."""

    sessions: list[date]
    open: list[float | None]
    high: list[float | None]
    low: list[float | None]
    close: list[float | None]
    volume: list[float | None]


class ChartFillAnswer(ResponseSchema):
    """A fill as it traded, and its price among the adjusted bars, in US dollars."""

    at: datetime = Field(validation_alias=AliasPath("fill", "at"))
    side: str = Field(validation_alias=AliasPath("fill", "side"))
    quantity: Decimal = Field(validation_alias=AliasPath("fill", "quantity"))
    price: Decimal = Field(validation_alias=AliasPath("fill", "price"))
    rule: str = Field(validation_alias=AliasPath("fill", "rule"))
    adjusted_price: float


class ActionMarkAnswer(ResponseSchema):
    """A corporate action on its ex-date, in words."""

    session: date
    kind: str
    text: str


class SymbolVotesAnswer(ResponseSchema):
    """What the last decision of a session said of the ticker."""

    session: date
    decision_id: str
    action: str
    score: float
    votes: dict[str, float] = Field(description="Each agent's score in [-1, 1].")


class ScoredHeadlineAnswer(ResponseSchema):
    """A headline that the last step knew."""

    text: str = Field(validation_alias=AliasPath("headline", "text"))
    published_at: datetime = Field(validation_alias=AliasPath("headline", "published_at"))
    publisher: str = Field(validation_alias=AliasPath("headline", "publisher"))
    score: float | None = Field(description="Sentiment in [-1, 1]; null while it is not scored.")


class LevelsAnswer(ResponseSchema):
    """Where the position would be closed, in US dollars."""

    stop_price: Decimal | None
    stop_rule: str | None
    target_price: Decimal | None
    target_rule: str | None


class TickerAnswer(ResponseSchema):
    """A ticker's bars with what the engine did and thought there."""

    model_config = example(
        ticker="NVDA", sector="Semiconductors", levels=None, fills=[], actions=[], votes=[], headlines=[],
        trades=[],
        candles={
            "sessions": ["2025-06-27"], "open": [156.0], "high": [158.7], "low": [155.3], "close": [157.75],
            "volume": [263234539.0],
        },
    )  # fmt: skip

    ticker: str = TICKER
    sector: str
    candles: CandlesAnswer
    fills: list[ChartFillAnswer]
    levels: LevelsAnswer | None = Field(description="Null where nothing is held.")
    actions: list[ActionMarkAnswer]
    votes: list[SymbolVotesAnswer]
    headlines: list[ScoredHeadlineAnswer]
    trades: list[ClosedTradeAnswer]
    data: Data
