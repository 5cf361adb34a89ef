"""Bad input gets a clear 4xx, never a 5xx, always as a problem."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.schemas.requests import DecideRequest, past_moment
from config.sectors import STOCKS
from core.errors import RequestError
from core.times import market_date
from tests.api.problem import assert_problem

JSON = {"content-type": "application/json"}
TABLE = [
    (b"{", 400, "not JSON"),
    (b"\xff\xfe", 400, "not JSON"),
    (b"[" * 100_000, 400, "nests too deeply"),
    (b"1" * 5_000, 400, "not JSON"),
    (b'{"as_of":NaN}', 400, "NaN"),
    (b'{"execute":Infinity}', 400, "Infinity"),
    (b'{"execute":-Infinity}', 400, "Infinity"),
    (b"[]", 422, "object"),
    (b"null", 422, "object"),
    (b'{"tikers":["NVDA"]}', 422, "tikers"),
    (b'{"tickers":["NVIDIA"]}', 422, "NVIDIA is not in the universe"),
    (b'{"tickers":["SPY"]}', 422, "never traded"),
    (b'{"tickers":[]}', 422, "at least 1"),
    (b'{"tickers":"NVDA"}', 422, "list"),
    (b'{"tickers":[1]}', 422, "string"),
    (b'{"tickers":["\\ud800"]}', 422, "tickers.0"),
    (b'{"execute":"yes"}', 422, "execute"),
    (b'{"execute":1}', 422, "execute"),
    (b'{"as_of":"yesterday"}', 422, "as_of"),
    (b'{"as_of":1700000000}', 422, "as_of"),
    (b'{"as_of":"2025-06-30T10:00:00"}', 422, "zone"),
    (b'{"as_of":"2999-01-01"}', 422, "future"),
    (b'{"as_of":"9999-12-31T23:59:59-14:00"}', 422, "future"),
    (b'{"as_of":"0001-01-01T00:00:00+14:00"}', 422, "before"),
    (b'{"as_of":"2025-06-30","execute":true}', 422, "what-if"),
]


@pytest.mark.parametrize("path", ["/decide/v3", "/decide"])
@pytest.mark.parametrize(("body", "status", "said"), TABLE)
def test_a_bad_body_is_told_why(client: httpx.Client, path: str, body: bytes, status: int, said: str) -> None:
    assert said in assert_problem(client.post(path, content=body, headers=JSON), status)["detail"]


def test_an_unknown_ticker_is_told_the_nearest(client: httpx.Client) -> None:
    problem = assert_problem(client.post("/decide/v3", json={"tickers": ["GOOG"]}), 422)
    assert "GOOGL" in problem["hint"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/execute", {"decision_id": "../etc"}),
        ("/execute", {"dry_run": 0}),
        ("/halt", {"reason": ""}),
        ("/halt", {"reason": "x" * 201}),
        ("/resume", {"now": True}),
        ("/scan", {"top": 3}),
    ],
)
def test_a_wrong_field_is_refused(client: httpx.Client, path: str, body: dict[str, object]) -> None:
    assert_problem(client.post(path, json=body), 422)


def test_an_unknown_decision_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.post("/execute", json={"decision_id": "unheard-of"}), 404)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "9" * 30, "NaN"])
def test_a_wrong_limit_is_refused(client: httpx.Client, limit: str) -> None:
    assert_problem(client.get("/orders", params={"limit": limit}), 422)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["/decide/v3", "/resume", "/quant/rank"])
def test_a_body_must_be_declared_as_json(client: httpx.Client, path: str, kind: str) -> None:
    problem = assert_problem(client.post(path, content=b"{}", headers={"content-type": kind}), 415)
    assert "application/json" in problem["hint"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge+json"]
)
def test_json_by_any_of_its_names_is_read(client: httpx.Client, kind: str) -> None:
    answer = client.post("/execute", content=b'{"dry_run":0}', headers={"content-type": kind})
    assert_problem(answer, 422)


@pytest.mark.parametrize("path", ["/decide/v3", "/resume"])
def test_a_huge_body_is_refused(client: httpx.Client, path: str) -> None:
    assert_problem(client.post(path, content=b" " * 1_100_000, headers=JSON), 413)


@pytest.mark.parametrize("path", ["/decide/v3", "/resume"])
def test_a_huge_body_of_unannounced_length_is_refused(client: httpx.Client, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 60_000

    assert_problem(client.post(path, content=chunks(), headers=JSON), 413)


def test_a_small_body_of_unannounced_length_is_read(client: httpx.Client) -> None:
    body = client.post("/decide/v3", content=iter([b'{"tickers":', b'["KO"]}']), headers=JSON).json()
    assert {decision["ticker"] for decision in body["decisions"]} <= {"KO"}


def test_an_empty_body_means_the_defaults(client: httpx.Client) -> None:
    assert client.post("/execute", content=b"", headers=JSON).json()["dry_run"] is True


NOW = datetime(2025, 6, 30, 15, 0, tzinfo=UTC)


@given(
    st.one_of(
        st.dates(),
        st.datetimes(timezones=st.timezones()),
    )
)
def test_a_moment_is_in_the_past_or_refused(asked: date) -> None:
    if isinstance(asked, datetime) and asked.utcoffset() is None:
        return
    try:
        moment = past_moment(asked, NOW)
    except RequestError as error:
        assert error.status == 422
        return
    assert moment is not None
    assert moment.tzinfo is UTC
    assert moment <= NOW


@given(st.integers(min_value=0, max_value=8_900))
def test_a_date_means_its_end_in_new_york(days: int) -> None:
    day = market_date(NOW) - timedelta(days=days)
    moment = past_moment(day, NOW)
    assert moment is not None
    assert market_date(moment) == day
    assert moment == NOW or market_date(moment + timedelta(seconds=1)) == day + timedelta(days=1)


@given(st.lists(st.sampled_from(STOCKS), min_size=1, max_size=64))
def test_known_tickers_are_taken_in_any_case(tickers: list[str]) -> None:
    assert DecideRequest.model_validate({"tickers": [name.lower() for name in tickers]}).tickers == tickers


@given(st.text(max_size=12).filter(lambda name: name.upper() not in STOCKS))
def test_unknown_tickers_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        DecideRequest.model_validate({"tickers": [name]})
