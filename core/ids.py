"""Identifiers derived from content: the same decision has the same name, so it can be made only once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime


def decision_id(*, cycle: str, as_of: datetime, fingerprints: tuple[str, ...]) -> str:
    """Return the id of a decision, derived from what it was made from.

    Parameters
    ----------
    fingerprints : tuple of str
        Digests of the view, the configuration, the models and the portfolio.
    """
    body = "\x1f".join((cycle, as_of.isoformat(), *fingerprints))
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%S}-{cycle}-{hashlib.sha256(body.encode()).hexdigest()[:12]}"


def client_order_id(decision: str, symbol: str, side: str) -> str:
    """Return the id of an order, derived from its decision; at most 128 characters (Alpaca's limit)."""
    return f"{decision}-{symbol}-{side}"


def protective_order_id(decision: str, symbol: str) -> str:
    """Return the id of the order that protects a position, derived from the decision that set its levels."""
    return f"{decision}-{symbol}{_PROTECTS}"


def is_protective(client_order_id: str) -> bool:
    """Return whether an id is one of `protective_order_id`."""
    return client_order_id.endswith(_PROTECTS)


_PROTECTS = "-protect"
