"""Bad input gets a clear 4xx, never a 5xx, always as a problem."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextvars import copy_context
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.routes.backtest import BacktestRequest, SpanRequest
from api.routes.rl import TrainRequest
from api.schemas.requests import UNIVERSE, DecideRequest, RequestBody, past_moment
from core.errors import RequestError
from core.tickers import spelt
from core.times import market_date
from tests.api.problem import assert_problem
from tests.default_universe import DEFAULT, STOCKS

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


@pytest.mark.parametrize(
    ("path", "field", "nearest"),
    [
        ("/decide/v3", "asof", "as_of"),
        ("/decide", "AS_OF", "as_of"),
        ("/decide/v3", "ticker", "tickers"),
        ("/execute", "dryrun", "dry_run"),
        ("/halt", "reasn", "reason"),
        ("/predict", "tikers", "tickers"),
        ("/train", "timestep", "timesteps"),
        ("/backtest", "strategi", "strategy"),
        ("/scan/backtest", "ends", "end"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_one(
    client: httpx.Client, path: str, field: str, nearest: str
) -> None:
    problem = assert_problem(client.post(path, json={field: "2024-01-02"}), 422)
    assert field in problem["detail"]
    assert f"The nearest field is {nearest}" in problem["hint"]


@pytest.mark.parametrize("path", ["/scan", "/quant/rank", "/flatten", "/risk/check", "/quant/retrain"])
def test_a_call_without_fields_says_so(client: httpx.Client, path: str) -> None:
    problem = assert_problem(client.post(path, json={"as_of": "2024-01-02"}), 422)
    assert "as_of" in problem["detail"]
    assert "no fields" in problem["hint"]


@pytest.mark.parametrize("field", ["\ud800", "x" * 500, "", "{hint}", "as_of "])
def test_an_odd_field_name_is_refused_in_words(client: httpx.Client, field: str) -> None:
    content = json.dumps({field: 1}).encode()
    assert len(assert_problem(client.post("/decide/v3", content=content, headers=JSON), 422)["detail"]) < 200


@pytest.mark.parametrize("model", [TrainRequest, BacktestRequest, SpanRequest])
def test_integers_are_taken_however_json_writes_them(model: type[RequestBody]) -> None:
    """Each integer of each body: JSON does not tell 1818 from 1818.0."""
    integers = [name for name, schema in model.model_json_schema()["properties"].items() if _is_integer(schema)]
    assert integers
    for name in integers:
        for written in ("1818", "1818.0", "1.818e3"):
            found = model.model_validate(json.loads(f'{{"{name}": {written}}}'))
            assert getattr(found, name) == 1818
            assert isinstance(getattr(found, name), int)
        for wrong in ("1818.5", "true", '"1818"', "1e999", "1e30"):
            with pytest.raises(ValidationError):
                model.model_validate(json.loads(f'{{"{name}": {wrong}}}'))


def _is_integer(schema: dict[str, Any]) -> bool:
    return any(part.get("type") == "integer" for part in (schema, *schema.get("anyOf", ())))


def first_session(client: httpx.Client) -> date:
    """The first session with bars, as the refusal of a moment before it names it."""
    problem = assert_problem(client.post("/decide/v3", json={"as_of": "2010-06-30"}), 422)
    return date.fromisoformat(problem["detail"].split("before ")[1][:10])


@pytest.mark.parametrize("path", ["/decide/v3", "/decide"])
@pytest.mark.parametrize(
    "as_of", ["2010-06-30", "2001-01-01", "1999-12-31", "0001-01-01", "2010-06-30T12:00:00Z"]
)
def test_a_moment_without_bars_is_refused_with_the_first_session_there_is(
    client: httpx.Client, path: str, as_of: str
) -> None:
    first, before = first_session(client), client.get("/decisions").json()["decisions"]
    problem = assert_problem(client.post(path, json={"as_of": as_of}), 422)
    assert f"no bars before {first}, the first session" in problem["detail"]
    assert client.get("/decisions").json()["decisions"] == before, "nothing was decided, nothing recorded"


def test_the_first_session_itself_is_decided_on_and_the_day_before_is_not(client: httpx.Client) -> None:
    first = first_session(client)
    made = client.post("/decide/v3", json={"as_of": first.isoformat()}).json()
    assert made["data"]["bars_until"] == first.isoformat()
    assert_problem(client.post("/decide/v3", json={"as_of": (first - timedelta(days=1)).isoformat()}), 422)


@pytest.mark.parametrize(
    ("as_of", "day", "close_of"),
    [
        ("2025-06-28", "Saturday 2025-06-28", "Friday 2025-06-27"),
        ("2025-06-29", "Sunday 2025-06-29", "Friday 2025-06-27"),
        ("2025-05-26", "Monday 2025-05-26", "Friday 2025-05-23"),  # Memorial Day
        ("2025-06-30T08:00:00-04:00", "Monday 2025-06-30", "Friday 2025-06-27"),
    ],
)
def test_a_day_without_a_close_says_whose_close_it_is(
    client: httpx.Client, as_of: str, day: str, close_of: str
) -> None:
    made = client.post("/decide/v3", json={"as_of": as_of}).json()
    assert made["data"]["bars_until"] == close_of.split()[1]
    (note,) = [note for note in made["notes"] if "this is the close of" in note]
    assert day in note
    assert note.endswith(close_of)
    assert client.get(f"/decisions/{made['decision_id']}").json()["notes"] == made["notes"]


def test_a_day_with_its_close_says_nothing_of_another(client: httpx.Client) -> None:
    made = client.post("/decide/v3", json={"as_of": "2025-06-27"}).json()
    assert made["data"]["bars_until"] == "2025-06-27"
    assert not [note for note in made["notes"] if "this is the close of" in note]


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


def reading_for_default(body: Any) -> DecideRequest:
    UNIVERSE.set(DEFAULT)
    return DecideRequest.model_validate(body)


@given(st.lists(st.sampled_from(STOCKS), min_size=1, max_size=64))
def test_known_tickers_are_taken_in_any_case(tickers: list[str]) -> None:
    read = copy_context().run(reading_for_default, {"tickers": [name.lower() for name in tickers]})
    assert read.tickers == tickers


@given(st.text(max_size=12).filter(lambda name: spelt(name) not in STOCKS))
def test_unknown_tickers_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        copy_context().run(reading_for_default, {"tickers": [name]})


def test_a_method_that_a_path_has_not_is_told_all_that_it_has(daemon: Any) -> None:
    answer = httpx.request("DELETE", f"{daemon.url}/letter")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"
