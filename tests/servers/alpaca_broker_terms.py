"""What the stand-in broker takes: types, classes, prices and lives of orders, checked as Alpaca does. Pure."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any

from core.times import NEW_YORK

AUCTION_CLOSES, AUCTION_OPENS = time(9, 28), time(19)
LIVES = ("day", "gtc", "opg")


def price_in(asked: dict[str, Any] | None, name: str) -> Decimal | None:
    """Read a price that may be missing."""
    given = (asked or {}).get(name)
    return None if given is None else Decimal(str(given))


def ill_formed_reason(asked: dict[str, Any], now: datetime) -> str:
    """Say what is wrong with an order; empty when it may stand."""
    if asked.get("order_class") == "oco":
        stop, limit = (
            price_in(asked.get("stop_loss"), "stop_price"),
            price_in(asked.get("take_profit"), "limit_price"),
        )
        wrong = _wrong_group(asked, stop, limit)
    else:
        stop, limit = price_in(asked, "stop_price"), price_in(asked, "limit_price")
        wrong = _wrong_type(asked, stop, limit)
    sub_penny = any(price is not None and price >= 1 and price != round(price, 2) for price in (stop, limit))
    if sub_penny:
        return "invalid price. sub-penny increment does not fulfill minimum pricing criteria"
    return wrong or _wrong_life(str(asked.get("time_in_force")), now)


def _wrong_group(asked: dict[str, Any], stop: Decimal | None, limit: Decimal | None) -> str:
    if asked.get("type") != "limit" or stop is None or limit is None or asked.get("side") != "sell":
        return "oco orders require type limit, take_profit.limit_price and stop_loss.stop_price"
    return "" if limit > stop else "oco orders require take_profit.limit_price above stop_loss.stop_price"


def _wrong_type(asked: dict[str, Any], stop: Decimal | None, limit: Decimal | None) -> str:
    kind, group = asked.get("type"), asked.get("order_class") or ""
    if group or kind not in ("market", "limit", "stop"):
        return f"order class {group!r} of type {kind} is not known"
    if (limit is None) == (kind == "limit") or (stop is None) == (kind == "stop"):
        return f"a {kind} order with limit_price {limit} and stop_price {stop}"
    return ""


def _wrong_life(life: str, now: datetime) -> str:
    if life not in LIVES:
        return f"time_in_force {life} is not known"
    if life == "opg" and AUCTION_CLOSES <= now.astimezone(NEW_YORK).time() < AUCTION_OPENS:
        return "opg orders are taken after 19:00 and before 9:28"
    return ""
