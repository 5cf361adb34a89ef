"""`POST /backtest` and `POST /scan/backtest` on the running daemon."""

from __future__ import annotations

import time
from datetime import date, timedelta

import httpx
import pytest

from tests.api.problem import assert_problem


def recent(client: httpx.Client) -> str:
    until = date.fromisoformat(client.post("/scan").json()["data"]["bars_until"])
    return str(until - timedelta(days=25))


def test_a_backtest_answers_the_scripts_figures(client: httpx.Client) -> None:
    answer = client.post("/backtest", json={"start": recent(client), "books": 200}, timeout=180)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "done"
    whole = body["windows"][0]["table"]["strategy"]
    for name in ("total_return", "alpha", "sharpe", "drawdown_max", "win_rate", "turnover_per_year"):
        assert body[name] == whole[name]
    assert body["traded"]["buys"] > 0
    assert body["data"]["source"] == body["about"]["source"] == "simulated"
    assert any("hindsight" in said for said in body["caveats"])
    assert "curves" not in body
    kept = client.get(f"/backtests/{body['run']}").json()
    assert kept["report"]["windows"] == body["windows"]
    assert len(kept["report"]["curves"]["strategy"]) == len(kept["report"]["fan"]["p50"])
    listed = client.get("/backtests").json()["runs"]
    assert [one["figures"]["sharpe"] for one in listed if one["name"] == body["run"]] == [body["sharpe"]]
    page = client.get(f"/backtests/{body['run']}/report.html")
    assert kept["verdict"].split(":")[0] in page.text
    assert "attachment" in page.headers["content-disposition"]
    job = client.get(f"/jobs/{body['job_id']}").json()
    assert job["kind"] == "backtest"
    assert job["progress"] == 1.0


def test_the_ranker_alone_and_a_job_to_wait_for(client: httpx.Client) -> None:
    asked = {"strategy": "quant_v8", "start": recent(client), "books": 200}
    started = client.post("/backtest", params={"wait": "false"}, json=asked)
    assert started.status_code == 202
    assert started.json()["kind"] == "backtest"
    second = client.post("/backtest", json=asked)
    assert_problem(second, 409)
    while client.get(started.headers["location"]).json()["status"] == "running":
        time.sleep(0.1)
    done = client.get(started.headers["location"]).json()
    assert done["status"] == "done", done["error"]
    assert done["result"]["about"]["strategy"] == "quant_v8"
    assert done["result"]["about"]["cost_bps"] == 10


def test_the_scanners_backtest_as_a_bare_call(client: httpx.Client) -> None:
    answer = client.post("/scan/backtest", timeout=120)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["windows"][0]["scans"] > 100
    assert 0 < body["windows"][0]["pick_hit_rate"] < 1
    assert body["years"]
    assert body["data"]["source"] == "simulated"


@pytest.mark.parametrize("path", ["/backtest", "/scan/backtest"])
def test_a_span_that_the_bars_do_not_cover_is_refused(client: httpx.Client, path: str) -> None:
    problem = assert_problem(client.post(path, json={"start": "2001-01-02", "end": "2001-02-02"}), 422)
    assert "earliest start" in problem["hint"]
    assert_problem(client.post(path, json={"start": "yesterday"}), 422)
    assert_problem(client.post(path, json={"begin": "2024-01-02"}), 422)


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fledger.sqlite", "%2e%2e", ".hidden", "a" * 100])
def test_a_run_that_there_is_not_is_a_problem(client: httpx.Client, name: str) -> None:
    assert_problem(client.get(f"/backtests/{name}"), 404)
    assert_problem(client.post(f"/backtests/{name}/pin"), 404)
    assert_problem(client.post(f"/backtests/{name}/unpin"), 404)
