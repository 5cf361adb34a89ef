"""What runs by itself, and the ranker's versions, over HTTP."""

from __future__ import annotations

import json

import httpx

from tests.api.problem import assert_problem

JOBS = ["cron_regime", "cron_risk_check", "cron_decide", "cron_weekly_retrain", "letter"]
FIELDS = {
    "name", "schedule", "last_run_at", "last_outcome", "last_duration_ms", "next_run_at", "skipped_reason",
}  # fmt: skip


def test_the_timetable_is_in_the_status_and_with_the_jobs(client: httpx.Client) -> None:
    status, jobs = client.get("/status").json(), client.get("/jobs").json()
    for scheduler in (status["scheduler"], jobs["scheduler"]):
        assert scheduler["enabled"] is False
        assert [job["name"] for job in scheduler["jobs"]] == JOBS
        assert {frozenset(job) for job in scheduler["jobs"]} == {frozenset(FIELDS)}
        assert {job["skipped_reason"] for job in scheduler["jobs"]} == {"ENABLE_CRON is not set"}
    assert isinstance(status["jobs"], list)


def test_the_status_tells_of_the_rankers_versions_and_drift(client: httpx.Client) -> None:
    client.post("/decide/v3")
    card = client.get("/status").json()["models"]["quant"]
    assert [version["in_use"] for version in card["versions"]] == [True]
    assert card["versions"][0]["model_id"] == card["model_id"]
    assert card["drift"]["state"] == "judged"
    assert len(card["drift"]["psi"]) == 13
    assert card["drift"]["live"]["sessions"] == 0, "no outcome is known of what it said"


def test_a_rollback_without_an_earlier_ranker_is_a_clear_refusal(client: httpx.Client) -> None:
    before = client.get("/status").json()["models"]["quant"]["model_id"]
    assert_problem(client.post("/quant/rollback"), 409)
    assert_problem(client.post("/quant/rollback", json={"model_id": "quant-v8-none"}), 409)
    assert client.post("/quant/rollback", json={"model_id": "../quant"}).status_code == 422
    assert client.get("/status").json()["models"]["quant"]["model_id"] == before


def test_a_waited_job_says_at_once_where_to_look(client: httpx.Client) -> None:
    with client.stream("POST", "/quant/retrain", timeout=120) as answer:
        parts = answer.iter_text()
        first = next(parts)
        job_id = json.loads(f"{first.rstrip().rstrip(',').rstrip('}')}}}")["job_id"]
        seen = client.get(f"/jobs/{job_id}").json()["status"]
        whole = json.loads(first + "".join(parts))
    assert f"trading-engine jobs {job_id}" in whole["hint"]
    assert whole["samples"] > 0
    assert seen == "done" or (seen == "running" and "samples" not in first)
