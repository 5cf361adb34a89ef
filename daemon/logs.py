"""Structured logs: one line an event, JSON unless a person watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from core.masking import NO_SECRETS, SecretMask
from core.types import StepReport
from daemon.log_stream import LogStream

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
