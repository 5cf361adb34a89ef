"""Every documented call works as a bare one, and answers what the contract says."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from core.events import TOPICS
from tests.api.problem import assert_problem
from tests.default_universe import SECTOR_MAP, STOCKS

BARE_CALLS = [
    ("GET", "/health"), ("GET", "/ready"), ("GET", "/status"), ("GET", "/regime"), ("POST", "/scan"),
    ("POST", "/quant/rank"), ("POST", "/decide/v3"), ("POST", "/decide"), ("GET", "/decisions"),
    ("GET", "/orders"), ("GET", "/positions"), ("GET", "/trades"), ("GET", "/jobs"), ("POST", "/halt"),
    ("POST", "/resume"), ("POST", "/flatten"), ("GET", "/ws/status"), ("GET", "/openapi.json"),
    ("GET", "/equity"), ("GET", "/reconciliation"),
]  # fmt: skip
WITH_DATA = [
    ("GET", "/status"), ("GET", "/regime"), ("POST", "/scan"), ("POST", "/quant/rank"), ("POST", "/decide/v3"),
    ("POST", "/decide"), ("GET", "/orders"), ("GET", "/positions"), ("GET", "/trades"), ("POST", "/halt"),
    ("POST", "/resume"), ("POST", "/flatten"), ("GET", "/equity"), ("GET", "/reconciliation"),
]  # fmt: skip
FACTORS = 13


@pytest.mark.parametrize(("method", "path"), BARE_CALLS)
def test_a_bare_call_answers(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("method", "path"), WITH_DATA)
def test_an_answer_names_its_source_and_date(client: httpx.Client, method: str, path: str) -> None:
    body = client.request(method, path).json()
    assert body["data"]["source"] == "simulated"
    assert body["data"].get("bars_until") or datetime.fromisoformat(body["as_of"])


def test_health_names_what_the_runbook_expects(client: httpx.Client) -> None:
    body = client.get("/health").json()
    assert body["status"] == "ok"
    assert body["models_loaded"] is True
    assert body["server_uptime"] > 0
    assert body["trading_state"] == "active"


def test_regime_probabilities_sum_to_one(client: httpx.Client) -> None:
    body = client.get("/regime").json()
    assert set(body["probabilities"]) == {"low_vol", "high_vol"}
    assert sum(body["probabilities"].values()) == pytest.approx(1)
    assert body["confidence"] == body["probabilities"][body["regime"]] == max(body["probabilities"].values())
    assert 0 <= body["exposure_scale"] <= 1
    assert isinstance(body["market_open"], bool)


def test_scan_ranks_all_sectors(client: httpx.Client) -> None:
    body = client.post("/scan").json()
    assert {sector["sector"] for sector in body["sectors"]} == set(SECTOR_MAP)
    assert [sector["rank"] for sector in body["sectors"]] == list(range(1, len(SECTOR_MAP) + 1))
    assert set(body["sectors"][0]["momentum"]) == {"4w", "12w", "26w"}
    assert body["top_sectors"] == [sector["sector"] for sector in body["sectors"][:3]]
    for sector in body["top_sectors"]:
        assert set(body["picks"][sector]) <= set(SECTOR_MAP[sector].stocks)


def test_rank_explains_each_stock(client: httpx.Client) -> None:
    ranking = client.post("/quant/rank").json()["ranking"]
    assert len(ranking) > len(STOCKS) / 2
    assert [stock["rank"] for stock in ranking] == list(range(1, len(ranking) + 1))
    chances = [stock["p_outperform"] for stock in ranking]
    assert chances == sorted(chances, reverse=True)
    for stock in ranking:
        assert len(stock["factors"]) == FACTORS
        assert all(push > 0 for push in stock["pushed_up"].values())
        assert all(push < 0 for push in stock["pushed_down"].values())
    assert any(stock["pushed_up"] for stock in ranking)
    assert any(stock["pushed_down"] for stock in ranking)


@pytest.mark.parametrize("path", ["/decide/v3", "/decide"])
def test_every_decision_has_one_outcome(client: httpx.Client, path: str) -> None:
    body = client.post(path).json()
    assert body["orders"], "a simulation that wants nothing tests nothing"
    refused = {refused["ticker"] for refused in body["refused"]}
    ordered = {order["ticker"]: order for order in body["orders"]}
    for decision in body["decisions"]:
        expected = (
            "approved"
            if decision["ticker"] in ordered
            else "refused"
            if decision["ticker"] in refused
            else "no change"
        )
        assert decision["outcome"] == expected
        assert (decision["size"] is not None) == (expected == "approved")
        if decision["votes"]:
            assert sum(vote["weight"] for vote in decision["votes"]) == pytest.approx(1)
    for decision in body["decisions"]:
        if decision["size"] is not None:
            order = ordered[decision["ticker"]]
            assert Decimal(decision["size"]["quantity"]) == Decimal(order["quantity"]) > 0
    assert {"rl", "sentiment"} <= {abstained["agent"] for abstained in body["abstained"]}


def test_the_legacy_vote_has_no_ranker(client: httpx.Client) -> None:
    agents = {
        vote["agent"] for decision in client.post("/decide").json()["decisions"] for vote in decision["votes"]
    }
    assert {"market", "momentum", "rsi", "regime"} <= agents
    assert "quant" not in agents


def test_a_decision_is_found_again(client: httpx.Client) -> None:
    made = client.post("/decide/v3").json()
    assert client.get(f"/decisions/{made['decision_id']}").json()["decisions"] == made["decisions"]
    listed = client.get("/decisions", params={"limit": 1}).json()["decisions"]
    assert [decision["decision_id"] for decision in listed] == [made["decision_id"]]


def test_tickers_limit_the_decision(client: httpx.Client) -> None:
    body = client.post("/decide/v3", json={"tickers": ["nvda", "KO"]}).json()
    assert {decision["ticker"] for decision in body["decisions"]} <= {"NVDA", "KO"}
    assert body["decisions"]


def test_a_past_decision_is_a_what_if(client: httpx.Client) -> None:
    past = (datetime.now(UTC) - timedelta(days=90)).date().isoformat()
    first = client.post("/decide/v3", json={"as_of": past}).json()
    again = client.post("/decide/v3", json={"as_of": past}).json()
    assert first["as_of"] < datetime.now(UTC).isoformat()
    assert first["decision_id"] == again["decision_id"]
    assert first["decisions"] == again["decisions"]
    assert_problem(client.post("/execute", json={"decision_id": first["decision_id"], "dry_run": False}), 409)
    assert_problem(client.post("/decide/v3", json={"as_of": past, "execute": True}), 422)


def test_execute_is_a_dry_run_unless_told_otherwise(client: httpx.Client) -> None:
    made = client.post("/decide/v3").json()
    body = client.post("/execute").json()
    assert body["dry_run"] is True
    assert body["decision_id"] == made["decision_id"]
    assert body["route"] == "built-in paper broker"
    assert [order["ticker"] for order in body["orders"]] == [order["ticker"] for order in made["orders"]]
    assert {order["status"] for order in body["orders"]} == {"proposed"}
    assert body["warnings"][0].startswith("not automatic: nobody watches the stops of")


def test_halt_stops_and_resume_goes_on(client: httpx.Client) -> None:
    assert client.post("/halt", json={"reason": "a drill"}).json()["trading_state"] == "halted"
    assert client.get("/health").json()["trading_state"] == "halted"
    halted = client.post("/decide/v3").json()
    assert halted["trading_state"] == "halted"
    assert halted["orders"] == []
    assert client.post("/resume").json()["trading_state"] == "active"


def test_flatten_leaves_no_entries(client: httpx.Client) -> None:
    assert "enter" in actions(client.post("/decide/v3").json()), "nothing to leave out"
    body = client.post("/flatten").json()
    assert body["trading_state"] == "reducing"
    assert all(order["side"] == "sell" for order in body["orders"])
    after = client.post("/decide/v3").json()
    assert "enter" in actions(after)
    assert {refused["rule"] for refused in after["refused"] if refused["side"] == "buy"} == {"trading_state"}
    assert all(order["side"] == "sell" for order in after["orders"])


def actions(decided: dict[str, Any]) -> set[str]:
    return {decision["action"] for decision in decided["decisions"]}


def test_a_retrain_reports_and_is_alone_of_its_kind(client: httpx.Client) -> None:
    started = client.post("/quant/retrain", params={"wait": "false"})
    assert started.status_code == 202, started.text
    job = started.json()
    assert started.headers["location"] == f"/jobs/{job['job_id']}"
    assert_problem(client.post("/quant/retrain"), 409)
    while client.get(f"/jobs/{job['job_id']}").json()["status"] == "running":
        assert client.get("/health").status_code == 200
        time.sleep(0.1)
    done = client.get(f"/jobs/{job['job_id']}").json()
    assert done["status"] == "done", done["error"]
    assert done["result"]["samples"] > 0


def test_a_waited_retrain_answers_with_its_measures(client: httpx.Client) -> None:
    body = client.post("/quant/retrain", timeout=120).json()
    assert body["status"] == "done"
    assert body["samples"] > 0
    assert body["data"]["source"] == "simulated"


def test_stream_status_counts(client: httpx.Client) -> None:
    body = client.get("/ws/status").json()
    assert set(body["topics"]) <= set(TOPICS)
    assert body["sequence"] > 0


@pytest.mark.parametrize("path", ["/decisions/none", "/jobs/none", "/nowhere", "/status/"])
def test_what_is_not_there_is_a_problem(client: httpx.Client, path: str) -> None:
    assert_problem(client.get(path), 404)


def test_a_wrong_method_names_the_right_ones(client: httpx.Client) -> None:
    answer = client.get("/scan")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_a_decision_explains_itself(client: httpx.Client) -> None:
    made = client.post("/decide/v3").json()
    assert [sector["rank"] for sector in made["market"]["sectors"]] == list(range(1, len(SECTOR_MAP) + 1))
    ranked = [one for one in made["decisions"] if one["p_outperform"] is not None]
    assert ranked
    assert all(len(one["factors"]) == len(one["contributions"]) == FACTORS for one in ranked)
    approved = [one for one in made["decisions"] if one["outcome"] == "approved"]
    assert approved
    assert all(one["checks"] and all(check["passed"] for check in one["checks"]) for one in approved)


def test_execute_sends_each_order_once(client: httpx.Client) -> None:
    made = client.post("/decide/v3").json()
    sent = client.post("/execute", json={"decision_id": made["decision_id"], "dry_run": False}).json()
    again = client.post("/execute", json={"decision_id": made["decision_id"], "dry_run": False}).json()
    assert sent["dry_run"] is False
    assert sent["orders"], "a simulation that sends nothing tests nothing"
    assert not {"proposed", "recorded"} & {order["status"] for order in sent["orders"]}
    same = (
        "client_order_id",
        "ticker",
        "side",
        "quantity",
    )  # in a session the status goes on meanwhile
    assert [[one[name] for name in same] for one in again["orders"]] == [
        [one[name] for name in same] for one in sent["orders"]
    ]
    listed = client.get("/orders", params={"limit": 500}).json()["orders"]
    shown = client.post("/execute", json={"decision_id": made["decision_id"], "dry_run": False}).json()["orders"]
    for order in (*shown, *listed):
        assert (order["status"] == "filled") == (order["filled_quantity"] == order["quantity"]), order
    known = [order["client_order_id"] for order in listed]
    assert all(known.count(order["client_order_id"]) == 1 for order in sent["orders"])
    held = client.get("/positions").json()
    assert set(held["pending"]) <= set(known)
    assert held["orders_today"] >= len(sent["orders"])
    assert held["trades_today"] <= len(client.get("/trades", params={"limit": 500}).json()["fills"])
    if held["pending"] or held["positions"]:
        status = client.get("/status").json()
        assert status["unwatched"].startswith("not automatic: nobody watches the stops of")
        assert status["unwatched"] in status["degraded"]
        assert sent["warnings"] == [status["unwatched"]]


def test_a_risk_check_sells_only(client: httpx.Client) -> None:
    assert "enter" in actions(client.post("/decide/v3").json()), "nothing to leave out"
    body = client.post("/risk/check").json()
    assert body["cycle"] == "risk_check"
    assert actions(body) <= {"exit", "hold"}
    assert all(order["side"] == "sell" for order in body["orders"])


def test_the_status_holds_what_the_contract_promises(client: httpx.Client) -> None:
    client.post("/decide/v3")
    status = client.get("/status").json()
    for name in ("regime", "quant"):
        assert {"state", "version", "model_id", "window", "out_of_sample", "age_days"} <= set(
            status["models"][name]
        )
    assert status["models"]["quant"]["out_of_sample"]["auc"] > 0
    assert {"rl", "sentiment"} <= set(status["models"])
    assert {"source", "as_of", "bars_until", "last_bar_age_seconds", "fault", "stale"} <= set(status["data"])
    assert status["broker"] == {"mode": "paper", "orders_go_to": "built-in paper broker", "name": "paper"}
    assert {"equity", "cash", "positions", "pending"} <= set(status["portfolio"])
    assert status["memory"]["resident_mb"] > 0
    assert len(status["config_digest"]) == 64
    assert status["recovery"]["differences"] == []
    newest = client.get("/decisions").json()["decisions"][0]
    assert status["last_decision_id"] == newest["decision_id"]


def test_equity_stands_beside_the_market(client: httpx.Client) -> None:
    client.post("/decide/v3")
    points = client.get("/equity", params={"sessions": 60}).json()["points"]
    assert len(points) == 60
    assert all(point["spy"] > 0 and point["equal_weight"] > 0 for point in points)
    assert Decimal(points[-1]["equity"]) == Decimal(client.get("/positions").json()["equity"])
    assert points[-1]["drawdown"] <= 0


def test_metrics_follow_what_happens(client: httpx.Client) -> None:
    def figure(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"trading_{name}"))

    decided, steps = figure("decisions_total"), figure("step_seconds_count")
    client.post("/decide/v3")
    assert (figure("decisions_total"), figure("step_seconds_count")) == (decided + 1, steps + 1)
    assert figure('state{state="active"}') == 1
    client.post("/halt")
    assert figure('state{state="halted"}') == 1
    assert figure("event_loop_lag_seconds_count") > 0
    assert figure("equity_usd") > 0
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")
