"""What was earned, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Daemon
from tests.api.problem import assert_problem


@pytest.mark.parametrize("path", ["/trades/closed", "/calendar", "/performance", "/tickers/NVDA?sessions=5"])
def test_each_is_answered_from_the_start_on(daemon: Daemon, path: str) -> None:
    answer = httpx.get(f"{daemon.url}{path}", timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["source"] == "simulated"


def test_a_ticker_has_bars_and_news(daemon: Daemon) -> None:
    found = httpx.get(f"{daemon.url}/tickers/NVDA", params={"sessions": 5}, timeout=60).json()
    assert len(found["candles"]["sessions"]) == len(found["candles"]["close"]) == 5
    assert found["sector"] == "Semiconductors"


def test_a_trade_or_ticker_that_there_is_not(daemon: Daemon) -> None:
    with httpx.Client(base_url=daemon.url, timeout=60) as client:
        assert_problem(client.get("/trades/closed/999999"), 404)
        assert client.get("/trades/closed/0").status_code == 422
        assert client.get("/tickers/NOSUCH").status_code == 422
