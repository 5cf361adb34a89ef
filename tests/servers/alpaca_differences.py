"""Where the real API of Alpaca is known to differ from its own OpenAPI documents, place by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRADING, MARKET_DATA = "trading-api", "market-data-api"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A place where the real API is known to differ from its document.

    Attributes
    ----------
    within : tuple of str
        Where in the document `name` is added.
    value : Any
        What the document should hold there.
    """

    document: str
    within: tuple[str, ...]
    name: str
    value: Any
    why: str


_ORDER = ("components", "schemas", "Order", "properties")
_LEG = ("components", "schemas", "OrderLeg", "properties")
_NO_ORDER = {"description": "no such order"}
DIFFERENCES = (
    *(
        Difference(
            document=TRADING,
            within=within,
            name=name,
            value={"type": "string", "nullable": True},
            why="real orders carry `subtag` and `source`, null for orders sent over the API",
        )
        for within in (_ORDER, _LEG)
        for name in ("subtag", "source")
    ),
    *(
        Difference(
            document=TRADING,
            within=("paths", path, method, "responses"),
            name="404",
            value=_NO_ORDER,
            why="an order or a position that is not there is answered with 404 and code 40410000",
        )
        for path, method in (
            ("/v2/orders:by_client_order_id", "get"),
            ("/v2/orders/{order_id}", "get"),
            ("/v2/orders/{order_id}", "delete"),
            ("/v2/orders/{order_id}", "patch"),
            ("/v2/positions/{symbol_or_asset_id}", "get"),
        )
    ),
    Difference(
        document=TRADING,
        within=("paths", "/v2/orders/{order_id}", "patch", "responses"),
        name="422",
        value={"description": "the order cannot be replaced any more"},
        why="an order that has ended, or whose new values are wrong, is answered with 422",
    ),
    Difference(
        document=TRADING,
        within=(
            "paths",
            "/v2/orders",
            "post",
            "requestBody",
            "content",
            "application/json",
            "schema",
            "properties",
            "qty",
        ),
        name="type",
        value=["string", "number"],
        why="the vendor's own client sends numbers, and they are taken; our requests hold strings",
    ),
    *(
        Difference(
            document=TRADING,
            within=("components", "parameters", name, "schema"),
            name="format",
            value="date",
            why="the document says date-time, its own example and the real API take a date",
        )
        for name in ("legacy_start", "legacy_end")
    ),
    Difference(
        document=TRADING,
        within=("components", "schemas", "NonTradeActivities", "properties", "date"),
        name="format",
        value="date",
        why="the document says date-time, its own example and the real API give a date",
    ),
)
