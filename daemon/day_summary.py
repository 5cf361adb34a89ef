"""The day's summary: one notification after each session's close, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from core.money import to_cents
from core.notifications import Notification, NotificationLevel
from core.service import EquityMark, LedgerQueries, OrderRecord
from core.times import market_date
from core.trading import ZERO, TradingState
from core.types import Fill, OrderStatus, Portfolio, Side

ROWS_READ_MAX = 1_000
NOT_EXECUTED = (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def day_summary(
    session: date, at: datetime, ledger: LedgerQueries, portfolio: Portfolio, state: TradingState
) -> Notification | None:
    """Return the summary of a session; None when no step ran in it.

    Parameters
    ----------
    at : datetime
        When it is told.
    """
    marks = ledger.equity_marks(2)
    if not marks or marks[-1].session != session:
        return None
    fills = [fill for fill in ledger.fills(ROWS_READ_MAX) if market_date(fill.at) == session]
    orders = [order for order in ledger.orders(ROWS_READ_MAX) if market_date(order.updated_at) == session]
    return Notification(
        key=f"summary:{session}",
        at=at,
        level=NotificationLevel.INFO,
        subject=f"Summary of {session:%a %Y-%m-%d}",
        text=f"Summary of {session:%a %Y-%m-%d}: {_equity(marks)} {_traded(fills, orders)} {_held(portfolio)} "
        f"Trading is {state.value.upper()}.",
    )


def _equity(marks: Sequence[EquityMark]) -> str:
    last = marks[-1]
    text = f"equity {to_cents(last.equity):,} USD"
    if len(marks) > 1 and marks[-2].equity:
        change = last.equity - marks[-2].equity
        text += f", {to_cents(change):+,} USD ({float(change / marks[-2].equity):+.2%}) since the session before"
    return f"{text}, {last.drawdown:.2%} from its peak."


def _traded(fills: Sequence[Fill], orders: Sequence[OrderRecord]) -> str:
    texts = []
    for side, word in ((Side.BUY, "bought"), (Side.SELL, "sold")):
        mine = [fill for fill in fills if fill.side is side]
        if mine:
            value = to_cents(sum((fill.quantity * fill.price for fill in mine), ZERO))
            names = ", ".join(sorted({fill.symbol for fill in mine}))
            texts.append(f"{word} {names} for {value:,} USD")
    fees = sum((fill.fee for fill in fills), Decimal(0))
    text = f"Traded: {'; '.join(texts)}, fees {to_cents(fees):,} USD." if texts else "Nothing was traded."
    failed = sum(order.status in NOT_EXECUTED for order in orders)
    return f"{text} {failed} orders came to nothing (GET /orders says why)." if failed else text


def _held(portfolio: Portfolio) -> str:
    names = sorted(symbol for symbol, held in portfolio.positions.items() if held.quantity)
    return f"Held: {', '.join(names)}." if names else "Nothing is held."
