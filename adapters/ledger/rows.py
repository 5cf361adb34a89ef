"""Between the nouns and the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.ledger.database import SqlRow
from adapters.ledger.kept_records import RecordDecoder, reading
from core.errors import InvariantError
from core.plain_words import plain_reason
from core.service import OrderRecord, RefusalRecord
from core.types import (
    CashMovement,
    CorporateAction,
    Cycle,
    Fill,
    MarketAnalysis,
    Order,
    OrderStatus,
    Portfolio,
    RefusedOrder,
    StepReport,
    TradingState,
)

ORDER_COLUMNS = (
    "client_order_id, decision_id, symbol, side, quantity, reference_price, rule, status, route, "
    "created_at, updated_at"
)
FILL_COLUMNS = "fill_id, client_order_id, symbol, side, quantity, price, fee, at, rule"
MOVEMENT_COLUMNS = "movement_id, kind, symbol, amount, at, note"
ACTION_COLUMNS = "action_id, symbol, kind, ex_date, ratio, cash_per_share, close_before, new_symbol, source"
_ORDER_NAMES = (*ORDER_COLUMNS.split(", "), "reason")
_FILL_NAMES, _MOVEMENT_NAMES = FILL_COLUMNS.split(", "), MOVEMENT_COLUMNS.split(", ")
NO_ANALYSIS = MarketAnalysis()


def encode_report(report: StepReport) -> bytes:
    """Return a report as JSON; one with decisions or an analysis has been decoded again.

    Raises
    ------
    core.errors.InvariantError
        When it holds what JSON cannot carry, such as NaN: it could never be replayed.
    """
    try:
        body = _encoder.encode(report)
        if not report.cash_movements and not report.actions:
            body = body.removesuffix(_NOTHING_PAID) + b"}"
        if report.plan.decisions or report.plan.analysis != NO_ANALYSIS:
            _report_decoder.decode(body)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise InvariantError(
            f"The report {report.decision_id} cannot be written down: {plain_reason(error)}.",
            hint="Reports hold finite numbers, text and aware times only.",
        ) from error
    return body


def decode_report(body: bytes) -> StepReport:
    """Return the report that was encoded."""
    with reading("A recorded report of ledger.sqlite"):
        return _report_decoder.decode(body)


def decode_refusals(body: bytes) -> tuple[RefusalRecord, ...]:
    """Return what a recorded step refused, without decoding the rest of it; nothing of a what-if."""
    with reading("A recorded report of ledger.sqlite"):
        step = _refusals_decoder.decode(body)
    if step.cycle.as_of is not None:
        return ()
    return tuple(
        RefusalRecord(decision_id=step.decision_id, at=step.as_of, refused=refused)
        for refused in step.plan.refused
    )


def encode_portfolio(portfolio: Portfolio) -> bytes:
    """Return a portfolio as JSON."""
    return _encoder.encode(portfolio)


def decode_portfolio(body: bytes) -> Portfolio:
    """Return the portfolio that was encoded."""
    return _portfolio_decoder.decode(body)


def stamp(at: datetime) -> str:
    """Return a time as ISO 8601 in UTC with microseconds: such texts sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def order_row(order: Order, *, status: OrderStatus, route: str, at: str) -> SqlRow:
    """Return a new order's row, in the order of `ORDER_COLUMNS`."""
    return (
        order.client_order_id, order.decision_id, order.symbol, order.side.value, str(order.quantity),
        str(order.reference_price), order.rule, status.value, route, at, at,
    )  # fmt: skip


@reading("A recorded order of ledger.sqlite")
def order_record(row: SqlRow) -> OrderRecord:
    """Read an order's row: `ORDER_COLUMNS` and the reason."""
    return msgspec.convert(dict(zip(_ORDER_NAMES, row, strict=True)), OrderRecord)


def fill_row(fill: Fill) -> SqlRow:
    """Return a fill's row, in the order of `FILL_COLUMNS`."""
    return (
        fill.fill_id, fill.client_order_id, fill.symbol, fill.side.value, str(fill.quantity),
        str(fill.price), str(fill.fee), stamp(fill.at), fill.rule,
    )  # fmt: skip


@reading("A recorded fill of ledger.sqlite")
def fill_of(row: SqlRow) -> Fill:
    """Read a fill's row: `FILL_COLUMNS`, and whatever comes after them."""
    return msgspec.convert(dict(zip(_FILL_NAMES, row, strict=False)), Fill)


def trading_state_of(row: SqlRow) -> TradingState:
    """Read the trading state."""
    with reading("The recorded trading state of ledger.sqlite"):
        return TradingState(row[0])


def moment_of(row: SqlRow) -> datetime:
    """Read a moment."""
    with reading("A recorded moment of ledger.sqlite"):
        return datetime.fromisoformat(row[0])


def movement_row(movement: CashMovement) -> SqlRow:
    """Return a cash movement's row, in the order of `MOVEMENT_COLUMNS`."""
    return (
        movement.movement_id, movement.kind.value, movement.symbol, str(movement.amount), stamp(movement.at),
        movement.note,
    )  # fmt: skip


@reading("A recorded cash movement of ledger.sqlite")
def movement_of(row: SqlRow) -> CashMovement:
    """Read a cash movement's row."""
    return msgspec.convert(dict(zip(_MOVEMENT_NAMES, row, strict=False)), CashMovement)


def action_row(action: CorporateAction) -> SqlRow:
    """Return a corporate action's row, in the order of `ACTION_COLUMNS`."""
    return (
        action.action_id, action.symbol, action.kind.value, action.ex_date.isoformat(), str(action.ratio),
        str(action.cash_per_share), str(action.close_before), action.new_symbol, action.source,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Turn a mapping into a dict and a numpy scalar into Python's own number."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


class _RefusingPlan(msgspec.Struct):
    refused: tuple[RefusedOrder, ...] = ()


class _RefusingStep(msgspec.Struct):
    """The part of a step report that refusals are read from."""

    decision_id: str
    cycle: Cycle
    as_of: datetime
    plan: _RefusingPlan


_NOTHING_PAID = b',"cash_movements":[],"actions":[]}'
"""The end of a report without any: left out, so that such a step is written as it was before there were any."""
_encoder = msgspec.json.Encoder(enc_hook=_plain)
_report_decoder = msgspec.json.Decoder(StepReport)
_refusals_decoder = msgspec.json.Decoder(_RefusingStep)
_portfolio_decoder = RecordDecoder(Portfolio, "The recorded portfolio of ledger.sqlite")
