"""Between the nouns and the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.ledger.database import SqlRow
from core.errors import InvariantError, LedgerError
from core.service import OrderRecord
from core.types import Fill, MarketAnalysis, Order, OrderStatus, Portfolio, StepReport

ORDER_COLUMNS = (
    "client_order_id, decision_id, symbol, side, quantity, reference_price, rule, status, route, "
    "created_at, updated_at"
)
FILL_COLUMNS = "fill_id, client_order_id, symbol, side, quantity, price, fee, at, rule"
_ORDER_NAMES = (*ORDER_COLUMNS.split(", "), "reason")
_FILL_NAMES = tuple(FILL_COLUMNS.split(", "))
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
        if report.plan.decisions or report.plan.analysis != NO_ANALYSIS:
            _report_decoder.decode(body)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise InvariantError(
            f"The report {report.decision_id} cannot be written down: {error}.",
            hint="Reports hold finite numbers, text and aware times only.",
        ) from error
    return body


def decode_report(body: bytes) -> StepReport:
    """Return the report that was encoded."""
    try:
        return _report_decoder.decode(body)
    except (msgspec.MsgspecError, InvariantError) as error:
        raise LedgerError(f"A recorded report cannot be read: {error}.", hint=_HINT) from error


def encode_portfolio(portfolio: Portfolio) -> bytes:
    """Return a portfolio as JSON."""
    return _encoder.encode(portfolio)


def decode_portfolio(body: bytes) -> Portfolio:
    """Return the portfolio that was encoded."""
    try:
        return _portfolio_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"The recorded portfolio cannot be read: {error}.", hint=_HINT) from error


def stamp(at: datetime) -> str:
    """Return a time as ISO 8601 in UTC with microseconds: such texts sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def order_row(order: Order, *, status: OrderStatus, route: str, at: str) -> SqlRow:
    """Return a new order's row, in the order of `ORDER_COLUMNS`."""
    return (
        order.client_order_id, order.decision_id, order.symbol, order.side.value, str(order.quantity),
        str(order.reference_price), order.rule, status.value, route, at, at,
    )  # fmt: skip


def order_record(row: SqlRow) -> OrderRecord:
    """Read an order's row: `ORDER_COLUMNS` and the reason."""
    return msgspec.convert(dict(zip(_ORDER_NAMES, row, strict=True)), OrderRecord)


def fill_row(fill: Fill) -> SqlRow:
    """Return a fill's row, in the order of `FILL_COLUMNS`."""
    return (
        fill.fill_id, fill.client_order_id, fill.symbol, fill.side.value, str(fill.quantity),
        str(fill.price), str(fill.fee), stamp(fill.at), fill.rule,
    )  # fmt: skip


def fill_of(row: SqlRow) -> Fill:
    """Read a fill's row: `FILL_COLUMNS`, and whatever comes after them."""
    return msgspec.convert(dict(zip(_FILL_NAMES, row, strict=False)), Fill)


def _plain(value: Any) -> Any:
    """Turn a mapping into a dict and a numpy scalar into Python's own number."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


_HINT = "The file was changed by other means; put a backup in its place."
_encoder = msgspec.json.Encoder(enc_hook=_plain)
_report_decoder = msgspec.json.Decoder(StepReport)
_portfolio_decoder = msgspec.json.Decoder(Portfolio)
