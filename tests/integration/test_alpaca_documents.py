"""Alpaca's own documents: what we send and what the stand-in answers is as they have it, and a slip is caught."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.servers.alpaca_broker import AlpacaBroker
from tests.servers.alpaca_documents import FOLDER, Conformance, conformance
from tests.servers.local_http import Answer, Asked, Outcome

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared")]
OPEN = datetime(2024, 5, 6, 14, 0, tzinfo=UTC)
KEYS = {"apca-api-key-id": "key", "apca-api-secret-key": "secret"}
ORDER = {
    "symbol": "AAPL", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day",
    "client_order_id": "one",
}  # fmt: skip


@pytest.fixture
def broker() -> AlpacaBroker:
    return AlpacaBroker(now=OPEN, prices={"AAPL": Decimal("180.5")})


def ask(broker: AlpacaBroker, method: str, path: str, body: Any = None, **query: str) -> Outcome:
    payload = b"" if body is None else json.dumps(body).encode()
    return broker.answer(Asked(method=method, path=path, query=query, headers=KEYS, body=payload))


def held(broker: AlpacaBroker) -> Conformance:
    assert broker.conformance is not None
    return broker.conformance


def test_each_read_and_an_order_are_as_the_document_has_them(broker: AlpacaBroker) -> None:
    ask(broker, "POST", "/v2/orders", ORDER)
    for path in ("/v2/account", "/v2/clock", "/v2/positions", "/v2/assets/AAPL", "/v2/assets/NONE"):
        ask(broker, "GET", path)
    ask(broker, "GET", "/v2/orders", status="all", limit="500", direction="asc")
    ask(broker, "GET", "/v2/orders:by_client_order_id", client_order_id="one")
    ask(broker, "GET", "/v2/orders:by_client_order_id", client_order_id="none")
    ask(broker, "GET", "/v2/account/activities", activity_types="FILL,SPLIT", page_size="100")
    ask(broker, "GET", "/v2/stocks/snapshots", symbols="AAPL,NONE", feed="iex")
    assert held(broker).compared == {"requests": 11, "answers": 11}
    assert not held(broker).faults


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "fault"),
    [
        ("POST", "/v2/orders", ORDER | {"quantity": "3"}, {}, "'quantity' was unexpected"),
        ("POST", "/v2/orders", ORDER | {"type": "at market"}, {}, "type: "),
        ("POST", "/v2/orders", {k: v for k, v in ORDER.items() if k != "time_in_force"}, {}, "required"),
        ("GET", "/v2/orders", None, {"state": "open"}, "no such parameter: state"),
        ("GET", "/v2/orders", None, {"limit": "many"}, "limit: "),
        ("GET", "/v2/account/activities", None, {"activity_types": "FILL,DIVIDEND"}, "activity_types: "),
        ("GET", "/v2/orders:by_client_order_id", None, {}, "client_order_id is missing"),
        ("GET", "/v2/orders/latest/fills", None, {}, "no such operation"),
    ],
)
def test_a_wrong_field_in_a_request_is_caught(
    broker: AlpacaBroker, method: str, path: str, body: Any, query: dict[str, str], fault: str
) -> None:
    compared = held(broker)
    asked = Asked(
        method=method, path=path, query=query, headers=KEYS, body=json.dumps(body).encode() if body else b""
    )
    compared.compare(asked, Answer(status=429))
    assert [fault in found for found in compared.faults] == [True], compared.faults


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"filled": "3"}, "'filled' was unexpected"),
        ({"status": "done"}, "status: "),
        ({"filled_avg_price": 180.5}, "filled_avg_price: "),
        ({"created_at": "yesterday"}, "created_at: "),
    ],
)
def test_a_wrong_field_in_an_answer_is_caught(broker: AlpacaBroker, change: dict[str, Any], fault: str) -> None:
    answer = ask(broker, "POST", "/v2/orders", ORDER)
    assert isinstance(answer, Answer)
    planted = Answer(body={**answer.body, **change})
    asked = Asked(method="POST", path="/v2/orders", query={}, headers=KEYS, body=json.dumps(ORDER).encode())
    fresh = conformance()
    assert fresh is not None
    fresh.compare(asked, planted)
    assert [fault in found for found in fresh.faults] == [True], fresh.faults
