"""What every row of Alpaca's account activities has: its moment and day, and whether it can be read. Pure."""

from __future__ import annotations

from datetime import date, datetime

from adapters.alpaca.orders import UNREADABLE, number, timestamp
from adapters.alpaca.trading_client import JsonObject
from core.plain_words import plain_reason

NUMBERS = ("net_amount", "qty", "per_share_amount")


def created(row: JsonObject) -> datetime:
    """Return when an activity was posted; its own day where nothing more is said."""
    return timestamp(row.get("created_at") or row.get("transaction_time") or row["date"])


def day_of(row: JsonObject) -> date:
    """Return the day of an activity."""
    return timestamp(row["date"]).date()


def fault_of(row: JsonObject) -> str:
    """Return why a row cannot be read, in words; empty when it can. One that cannot must hold up no other."""
    try:
        if row.get("symbol"):
            day_of(row)
        created(row)
        for name in NUMBERS:
            number(row, name)
    except UNREADABLE as error:
        return (
            f"Alpaca lists an activity {row['activity_type']} that cannot be read ({plain_reason(error)}): "
            "nothing is booked of it; compare GET /reconciliation"
        )
    return ""
