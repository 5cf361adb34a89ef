"""What comes in pages comes whole, once each; what does not end is said to be too much."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.alpaca.trading_client import ORDERS_A_PAGE, PAGE_SIZE, AlpacaApi
from core.errors import BrokerError


class Pages:
    """Lists so many activities, each page beginning with the last row of the one before."""

    def __init__(self, rows: int) -> None:
        self._rows = [{"id": f"{number:04}"} for number in range(rows)]

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, str]]:
        assert path == "/account/activities"
        begins = int(query.get("page_token", 0))
        return self._rows[begins : begins + PAGE_SIZE]


class Endless:
    """Lists the same full page of orders for ever."""

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, str]]:
        assert path == "/orders"
        return [{"id": str(number), "submitted_at": "2024-05-06T14:00:00Z"} for number in range(query["limit"])]


def api_of(client: Any) -> AlpacaApi:
    return AlpacaApi(client)


@pytest.mark.parametrize("rows", [0, 99, 100, 101, 250])
def test_activities_of_overlapping_pages_are_listed_once(rows: int) -> None:
    listed = [row["id"] for row in api_of(Pages(rows)).activities("2024-05-06T14:00:00Z")]
    assert listed == [f"{number:04}" for number in range(rows)]


def test_orders_that_do_not_end_are_no_short_list() -> None:
    with pytest.raises(BrokerError, match=f"more than {100 * ORDERS_A_PAGE} orders"):
        api_of(Endless()).open_orders()
