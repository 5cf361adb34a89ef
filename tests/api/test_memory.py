"""`GET /memory/TICKER`, and what the status says of the memory."""

from __future__ import annotations

import time

import httpx

from tests.api.problem import assert_problem


def test_a_decision_on_a_ticker_is_remembered(client: httpx.Client) -> None:
    decided = client.post("/decide/v3").json()
    acted = [d["ticker"] for d in decided["decisions"] if d["action"] != "hold"]
    assert acted
    facts: list[dict[str, str]] = []
    limit = time.monotonic() + 20
    while time.monotonic() < limit and not any(f["source"] == decided["decision_id"] for f in facts):
        answer = client.get(f"/memory/{acted[0].lower()}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        facts = body["facts"]
        time.sleep(0.1)
    assert body["ticker"] == acted[0]
    assert (body["answered_by"], body["fault"]) == ("sqlite", "")
    mine = next(f for f in facts if f["source"] == decided["decision_id"])
    assert mine["name"] == "DECIDED_TO_ENTER"
    assert mine["target"] == acted[0]
    assert "score" in mine["fact"]
    assert body["data"]["source"] == "simulated"


def test_an_unknown_ticker_is_refused_with_the_nearest(client: httpx.Client) -> None:
    assert_problem(client.get("/memory/NVDIA"), 422)
    assert_problem(client.get("/memory/NVDA", params={"limit": 0}), 422)


def test_the_status_says_where_the_memory_is(client: httpx.Client) -> None:
    graph = client.get("/status").json()["memory"]["graph"]
    assert set(graph) == {"sqlite"}
    assert graph["sqlite"]["state"] == "follows the ledger"
    assert graph["sqlite"]["place"].endswith("memory.sqlite")
