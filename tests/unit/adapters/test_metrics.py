"""The figures: counted from events and steps, read off the status, and named as the alerts expect."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.events.hub import EventHub
from adapters.metrics import Metrics

AT = datetime(2025, 6, 30, 19, 45, tzinfo=UTC)
MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"
STREAM = {"connections": 3, "sent": 40, "dropped": 2, "sequence": 20}
STATUS: dict[str, Any] = {
    "health": {"server_uptime": 9.5, "last_bar_age_seconds": 60.0, "last_decision_age_seconds": None},
    "not_ready": "",
    "trading_state": "halted",
    "market_open": True,
    "data": {"fault": "", "stale": {"AAPL": "no quote"}},
    "portfolio": {
        "equity": "101000.50", "cash": "1000", "positions": {"KO": {}}, "daily_return": 0.01, "drawdown": -0.02,
    },
    "limits": {"max_drawdown_pct": -0.1, "max_daily_loss_pct": -0.02},
    "models": {"quant": {"age_days": 3}, "rl": {"state": "no RL models"}},
    "jobs": [{"job_id": "train-1", "kind": "train"}],
    "scheduler": {
        "enabled": True,
        "jobs": [
            {"name": "cron_decide", "last_outcome": "decided: 3 orders", "last_run_at": AT.isoformat()},
            {"name": "cron_regime", "last_outcome": "failed: no bars", "last_run_at": AT.isoformat()},
            {"name": "cron_weekly_retrain", "last_outcome": "", "last_run_at": None},
        ],
    },
}  # fmt: skip


def figures(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = metrics.exposition(STATUS, STREAM).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return figures(metrics)[f"trading_{name}", frozenset(labels.items())]


def test_events_are_counted_as_they_are_published() -> None:
    metrics = Metrics()
    hub = EventHub(count=metrics.count)
    for status in ("submitted", "submitted", "rejected"):
        hub.publish("order.submitted", AT, {"status": status})
    hub.publish("order.filled", AT, {"ticker": "KO"})
    hub.publish("order.refused", AT, {"rule": "max_positions", "side": "buy"})
    hub.publish("job.progress", AT, {"kind": "train", "status": "running"})
    hub.publish("job.progress", AT, {"kind": "train", "status": "failed"})
    hub.publish("risk.alert", AT, {"message": "The step failed", "faults": 2})
    assert value(metrics, "orders_total", state="submitted") == 2
    assert value(metrics, "orders_total", state="rejected") == 1
    assert value(metrics, "orders_total", state="filled") == 1
    assert value(metrics, "refusals_total", rule="max_positions", side="buy") == 1
    assert value(metrics, "jobs_total", kind="train", outcome="failed") == 1
    assert value(metrics, "step_faults_in_a_row") == 2
    assert value(metrics, "events_total", topic="order.submitted") == 3


@pytest.mark.parametrize("topic", ["order.submitted", "order.refused", "job.progress", "risk.alert", "x.y"])
def test_an_event_without_what_it_should_have_does_no_harm(topic: str) -> None:
    metrics = Metrics()
    metrics.count(topic, {})
    assert value(metrics, "events_total", topic=topic) == 1


def test_a_scrape_reads_the_status() -> None:
    metrics = Metrics()
    metrics.lag(0.002)
    found = {
        name: value(metrics, name) for name in ("equity_usd", "drawdown_ratio", "stale_symbols", "market_open")
    }
    assert found == {"equity_usd": 101000.5, "drawdown_ratio": -0.02, "stale_symbols": 1, "market_open": 1}
    assert math.isnan(value(metrics, "last_decision_age_seconds")), "no decision yet is not an age of 0"
    assert value(metrics, "state", state="halted") == 1
    assert value(metrics, "state", state="active") == 0
    assert value(metrics, "model_age_seconds", model="quant") == 3 * 86_400
    assert value(metrics, "job_last_outcome", job="cron_decide", outcome="done") == 1
    assert value(metrics, "job_last_outcome", job="cron_regime", outcome="failed") == 1
    assert sum(name == "trading_job_last_outcome" for name, _ in figures(metrics)) == 2
    assert value(metrics, "job_last_run_timestamp_seconds", job="cron_decide") == AT.timestamp()
    assert value(metrics, "event_loop_lag_seconds_count") == 1
    assert value(metrics, "stream_clients") == 3


def test_alerts_and_dashboard_name_only_figures_there_are() -> None:
    metrics = Metrics()
    for topic in ("order.submitted", "order.refused", "job.progress"):
        metrics.count(topic, {"status": "done"})
    kinds = metrics.exposition(STATUS, STREAM).decode()
    there = set(re.findall(r"^# TYPE (\S+)", kinds, re.M))
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    asked += " " + " ".join(re.findall(r"expr: (.*)", (MONITORING / "alerts.yml").read_text()))
    names = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\b(?:trading|process)_[a-z_]+", asked)}
    assert len(names) > 20
    assert names <= there


def test_promtool_accepts_the_rules() -> None:
    promtool = shutil.which("promtool") or os.environ.get("PROMTOOL")
    if promtool is None:
        pytest.skip("no promtool here: it comes with Debian's prometheus package; PROMTOOL names one elsewhere")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=MONITORING, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
