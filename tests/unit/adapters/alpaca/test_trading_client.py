"""What comes in pages comes whole, once each; what does not end is said to be too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


class Stuck:
    """Gives the same full page for ever."""

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, str]]:
        size = query.get("limit") or query["page_size"]
        return [{"id": str(number), "submitted_at": "2024-05-06T14:00:00Z"} for number in range(size)]


class Endless:
    """Lists new orders for ever."""

    def __init__(self) -> None:
        self._number = 0

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, str]]:
        assert path == "/orders"
        self._number += query["limit"]
        numbers = range(self._number, self._number + query["limit"])
        return [{"id": str(number), "submitted_at": "2024-05-06T14:00:00Z"} for number in numbers]


class Sent:
    """Lists orders of which so many at a time were sent in one microsecond, after a moment, without it."""

    def __init__(self, rows: int, together: int) -> None:
        began = datetime(2024, 5, 6, 14, tzinfo=UTC)
        moments = [began + timedelta(microseconds=number // together) for number in range(rows)]
        self._rows = [{"id": str(n), "submitted_at": at.isoformat()} for n, at in enumerate(moments)]

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, str]]:
        assert path == "/orders"
        after = datetime.fromisoformat(query["after"]) if "after" in query else datetime.min.replace(tzinfo=UTC)
        later = [row for row in self._rows if datetime.fromisoformat(row["submitted_at"]) > after]
        return later[: query["limit"]]


def api_of(client: Any) -> AlpacaApi:
    return AlpacaApi(client)


@pytest.mark.parametrize("rows", [0, 99, 100, 101, 250])
def test_activities_of_overlapping_pages_are_listed_once(rows: int) -> None:
    listed = [row["id"] for row in api_of(Pages(rows)).activities("2024-05-06T14:00:00Z")]
    assert listed == [f"{number:04}" for number in range(rows)]


def test_orders_that_do_not_end_are_no_short_list() -> None:
    with pytest.raises(BrokerError, match=f"more than {100 * ORDERS_A_PAGE} orders"):
        api_of(Endless()).open_orders()


@pytest.mark.parametrize("list_all", [AlpacaApi.open_orders, lambda api: api.activities("2024-05-06T14:00:00Z")])
def test_a_page_that_comes_again_is_asked_for_no_further(list_all: Any) -> None:
    with pytest.raises(BrokerError, match="the same page"):
        list_all(api_of(Stuck()))


@pytest.mark.parametrize("together", [1, 3, 400])
def test_orders_sent_in_one_moment_are_all_listed_where_a_page_ends_between_them(together: int) -> None:
    listed = [row["id"] for row in api_of(Sent(1_201, together)).open_orders()]
    assert sorted(listed, key=int) == [str(number) for number in range(1_201)]
