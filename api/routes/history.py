"""What was earned and where: closed trades, profit by period and by group, a ticker's history."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.dependencies import ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.history import (
    CalendarAnswer,
    ClosedTradesAnswer,
    PerformanceAnswer,
    TickerAnswer,
    TradeDetailAnswer,
)
from api.schemas.requests import Ticker
from core.errors import RequestError
from core.statistics import SESSIONS_PER_YEAR
from core.trading_history import HistoryQueries

TRADES_MAX = 100_000
router = APIRouter(tags=["history"])


async def _history(request: Request) -> HistoryQueries:
    history: HistoryQueries | None = request.app.state.history
    if history is None:
        raise RequestError("No history is kept here.", hint="Start the daemon as a whole.", status=404)
    return history


History = Annotated[HistoryQueries, Depends(_history)]
Newest = Annotated[int, Query(ge=1, le=TRADES_MAX, description="How many, newest first.")]
Sessions = Annotated[int, Query(ge=1, le=2520, description="How many sessions, the newest.")]
Number = Annotated[int, Path(ge=1, le=10 * TRADES_MAX, description="A trade's number.")]


@router.get("/trades/closed", responses=problems(404, 422, 503))
def closed_trades(service: ServiceDependency, history: History, limit: Newest = 10_000) -> ClosedTradesAnswer:
    """List closed round trips with costs and reasons; off the event loop."""
    trades = history.closed_trades()
    profit = sum((trade.profit_usd for trade in trades), Decimal(0))
    return ClosedTradesAnswer.model_validate(
        {
            "total": len(trades),
            "profit": profit,
            "trades": trades[: -limit - 1 : -1],
            "data": Data.of_now(service),
        }
    )


@router.get("/trades/closed/{number}", responses=problems(404, 422, 503))
def closed_trade(service: ServiceDependency, history: History, number: Number) -> TradeDetailAnswer:
    """Give one closed round trip with its fills."""
    trades = history.closed_trades()
    if number > len(trades):
        raise RequestError(f"There is no trade {number}.", hint="GET /trades/closed lists them.", status=404)
    return TradeDetailAnswer.of(trades[number - 1], data=Data.of_now(service))


@router.get("/calendar", responses=problems(404, 503))
def calendar(service: ServiceDependency, history: History) -> CalendarAnswer:
    """Give profit by session, month and year; off the event loop."""
    return CalendarAnswer.of(history.calendar(), data=Data.of_now(service))


@router.get("/performance", responses=problems(404, 503))
def performance(service: ServiceDependency, history: History) -> PerformanceAnswer:
    """Give what closed trades earned by ticker, sector, agent, exit rule and weekday; off the event loop."""
    trades = history.closed_trades()
    return PerformanceAnswer.model_validate(
        {
            "profit": sum((trade.profit_usd for trade in trades), Decimal(0)), "trades": len(trades),
            "by": history.performance(), "data": Data.of_now(service),
        }
    )  # fmt: skip


@router.get("/tickers/{ticker}", responses=problems(404, 422, 503))
def ticker_history(
    service: ServiceDependency, history: History, ticker: Ticker, sessions: Sessions = SESSIONS_PER_YEAR
) -> TickerAnswer:
    """Give a ticker's bars with fills, stops, corporate actions, votes and news; off the event loop."""
    return TickerAnswer.of(history.ticker(ticker, sessions), data=Data.of_now(service))
