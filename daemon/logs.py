"""Structured logs: one line an event, JSON unless a person watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from core.types import StepReport

DIGEST_CHARACTERS = 12
MASK = "[secret]"


class Masked:
    """A text stream that never writes a secret, whoever put it into a message.

    Parameters
    ----------
    secrets : collection of str
        What is written as `[secret]` wherever it occurs.
    """

    def __init__(self, stream: TextIO, secrets: Collection[str]) -> None:
        self._stream = stream
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def write(self, text: str) -> int:
        """Write text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


def configure_logging(secrets: Collection[str] = ()) -> None:
    """Send structlog and the standard library's warnings to standard error, without `secrets`."""
    masked = cast(TextIO, Masked(sys.stderr, secrets))
    if sys.stderr.isatty():
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
        logger_factory=structlog.PrintLoggerFactory(masked),
    )
    logging.basicConfig(level=logging.WARNING, stream=masked, format="%(levelname)s %(name)s %(message)s")


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
