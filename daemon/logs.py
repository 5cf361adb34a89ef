"""Structured logs: one line an event, JSON unless a person watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from core.masking import NO_SECRETS, SecretMask
from core.orders import SPLIT
from core.types import Side, StepReport
from daemon.log_stream import LogStream
from pipeline.report_events import action_data, movement_data

DIGEST_CHARACTERS = 12


def configure_logging(mask: SecretMask = NO_SECRETS) -> LogStream:
    """Send structlog and the standard library's warnings to standard error, without secrets.

    Returns
    -------
    LogStream
        Standard error itself from now on, so that a traceback nobody caught is masked too.
    """
    stream = LogStream(sys.stderr, mask)
    target = cast(TextIO, stream)
    if stream.isatty():
        rendering: list[Processor] = [structlog.dev.ConsoleRenderer()]
    else:
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(target),
    )
    logging.basicConfig(level=logging.WARNING, stream=target, format="%(levelname)s %(name)s %(message)s")
    return stream


def log_step(report: StepReport, seconds: float) -> None:
    """Log a step and what it settled."""
    log = structlog.get_logger("engine")
    log.info("step", **step_line(report, seconds))
    for event, fields in settlement_lines(report):
        log.info(event, **fields)


def settlement_lines(report: StepReport) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return what the log says of each corporate action and cash movement of a step: the event, its fields."""
    changes = {fill.fill_id: fill for fill in report.fills if fill.rule == SPLIT}
    for action in report.actions:
        held = report.plan.portfolio.positions.get(action.symbol)
        change = changes.get(action.action_id)
        yield (
            "corporate_action",
            action_data(action)
            | {"share_change": f"{'-' if change.side is Side.SELL else '+'}{change.quantity}" if change else "0"}
            | {"quantity": str(held.quantity) if held else "0"}
            | {"average_price": f"{held.average_price:.4f}" if held else ""},
        )
    for movement in report.cash_movements:
        yield "cash_movement", movement_data(movement) | {"cash": str(report.plan.portfolio.cash)}


def step_line(report: StepReport, seconds: float) -> Mapping[str, Any]:
    """Return what the log says of a step: its ids, what it did, how long it took."""
    plan = report.plan
    return {
        "cycle": report.cycle.name,
        "decision_id": report.decision_id,
        "as_of": report.as_of.isoformat(),
        "source": report.source,
        "view_digest": report.view_digest[:DIGEST_CHARACTERS],
        "config_digest": report.config_digest[:DIGEST_CHARACTERS],
        "approved": len(plan.approved),
        "orders": [approved.order.client_order_id for approved in plan.approved],
        "refused": len(plan.refused),
        "fills": [fill.fill_id for fill in report.fills],
        "state": plan.state.value,
        "seconds": round(seconds, 4),
    }
