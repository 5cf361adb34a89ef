"""The daemon's figures for Prometheus. The only home of prometheus_client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.process_collector import ProcessCollector

from core.types import StepReport, TradingState

STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
SECONDS_PER_DAY = 86_400
ENDS = {"order.cancelled": "cancelled", "order.expired": "expired"}
JOB_ENDS = ("done", "failed", "skipped")
PREFIX = "trading_"


SLIPPAGE_BPS = (-100.0, -20.0, -5.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0)


class Metrics:
    """Counts what happens, and on each scrape reads off the status what is.

    Attributes
    ----------
    content_type : str
        Of the exposition.
    """

    content_type = CONTENT_TYPE_PLAIN_1_0_0

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._step = self._histogram("step_seconds", "How long a step took.", STEP_SECONDS, "cycle")
        self._slippage = self._histogram(
            "fill_slippage_bps", "How much worse than its decision's price a fill was.", SLIPPAGE_BPS, "side"
        )
        self._lag = self._histogram("event_loop_lag_seconds", "How late the loop woke.", LAG_SECONDS)
        self._faults = self._gauge("step_faults_in_a_row", "Failed steps since the last good one.")
        self._decisions = self._counter("decisions_total", "Steps that decided on something.", "cycle")
        self._orders = self._counter("orders_total", "Orders by the state they reached.", "state")
        self._refusals = self._counter("refusals_total", "Orders that a limit stopped.", "rule", "side")
        self._events = self._counter("events_total", "Events published.", "topic")
        self._jobs = self._counter("jobs_total", "Long jobs that ended.", "kind", "outcome")
        self._now = {name: self._gauge(name, text) for name, text in GAUGES.items()}
        self._state = self._gauge("state", "1 for the trading state in force.", "state")
        self._model_age = self._gauge(
            "model_age_seconds", "Time since a model was trained, in whole days.", "model"
        )
        self._evidence = self._gauge("evidence", "Evidence for an edge; shown from 20 up.", "kind", "name")
        self._job_runs = self._gauge("job_last_run_timestamp_seconds", "When a job last ran.", "job")
        self._job_outcome = self._gauge("job_last_outcome", "1 for a job's last outcome.", "job", "outcome")

    def step(self, report: StepReport, seconds: float) -> None:
        """Note a step that ended; on the engine's thread."""
        self._step.labels(report.cycle.name).observe(seconds)
        self._faults.set(0)
        if report.plan.decisions:
            self._decisions.labels(report.cycle.name).inc()

    def count(self, topic: str, data: Mapping[str, Any]) -> None:
        """Note an event; from any thread, never fails on what it does not know."""
        self._events.labels(topic).inc()
        if topic == "order.submitted":
            self._orders.labels(str(data.get("status"))).inc()
        elif topic == "order.filled":
            self._orders.labels("filled").inc()
        elif topic in ENDS:
            self._orders.labels(ENDS[topic]).inc()
        elif topic == "order.refused" and "client_order_id" in data:
            self._orders.labels("rejected").inc()
        elif topic == "order.refused":
            self._refusals.labels(str(data.get("rule")), str(data.get("side"))).inc()
        elif topic == "job.progress" and data.get("status") in JOB_ENDS:
            self._jobs.labels(str(data.get("kind")), str(data["status"])).inc()
        elif topic == "scoreboard.update":
            for one in data.get("outcomes", ()):
                self._evidence.labels(str(one["kind"]), str(one["name"])).set(one["evidence"])
        elif topic == "risk.alert" and "faults" in data:
            self._faults.set(data["faults"])

    def slippage(self, side: str, bps: float) -> None:
        """Note how much worse than its decision's price a fill was, basis points."""
        self._slippage.labels(side).observe(bps)

    def lag(self, seconds: float) -> None:
        """Note how much later than asked the event loop woke."""
        self._lag.observe(seconds)

    def exposition(self, status: Mapping[str, Any], stream: Mapping[str, Any]) -> bytes:
        """Give all figures in Prometheus' text format.

        Parameters
        ----------
        status : mapping
            What `GET /status` answers.
        stream : mapping
            What `GET /ws/status` answers.
        """
        for name, value in _present(status, stream).items():
            self._now[name].set(float("nan") if value is None else float(value))
        self._label(status)
        return generate_latest(self._registry)

    def _label(self, status: Mapping[str, Any]) -> None:
        for state in TradingState:
            self._state.labels(state.value).set(status.get("trading_state") == state.value)
        for name, card in status.get("models", {}).items():
            if isinstance(card, Mapping) and isinstance(card.get("age_days"), int | float):
                self._model_age.labels(name).set(card["age_days"] * SECONDS_PER_DAY)
        self._job_outcome.clear()
        for job in status.get("scheduler", {}).get("jobs", ()):
            if job["last_outcome"]:
                self._job_outcome.labels(job["name"], _outcome(job["last_outcome"])).set(1)
            if job["last_run_at"]:
                self._job_runs.labels(job["name"]).set(datetime.fromisoformat(job["last_run_at"]).timestamp())

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(PREFIX + name, text, labels, registry=self._registry, buckets=buckets)


GAUGES = {
    "ready": "1 once start-up and reconciliation are done.",
    "uptime_seconds": "Seconds since the start.",
    "market_open": "1 in the exchange's regular session.",
    "feed_age_seconds": "Age of the newest bar known.",
    "feed_fault": "1 while the feed as a whole cannot be trusted.",
    "clock_offset_seconds": "The broker's clock less this machine's, as last measured.",
    "stale_symbols": "Symbols left out of the last decision.",
    "last_decision_age_seconds": "Seconds since the last decision.",
    "equity_usd": "Cash plus market value.",
    "cash_usd": "Cash.",
    "positions": "Positions held.",
    "daily_return_ratio": "Return since the session began.",
    "drawdown_ratio": "Distance below the highest equity ever, at or below 0.",
    "breaker_daily_return_ratio": "The return that the daily loss limit sees: since the last resume, if later.",
    "breaker_drawdown_ratio": "The drawdown that the breaker sees: since the last resume, if later.",
    "drawdown_limit_ratio": "The drawdown at which the breaker halts.",
    "daily_loss_limit_ratio": "The daily loss at which the breaker halts.",
    "stream_clients": "WebSocket clients.",
    "stream_sent": "Events sent to clients since the start.",
    "stream_dropped": "Events that slow clients lost since the start.",
    "stream_sequence": "Number of the last event.",
}


def _outcome(result: str) -> str:
    """Put the result of a run, which is in words, under one of three labels."""
    return "failed" if result.startswith("failed") else "running" if result == "running" else "done"


def _present(status: Mapping[str, Any], stream: Mapping[str, Any]) -> dict[str, Any]:
    health, data = status["health"], status.get("data") or {}
    portfolio, limits = status.get("portfolio") or {}, status.get("limits") or {}
    return {
        "ready": not status["not_ready"],
        "uptime_seconds": health["server_uptime"],
        "market_open": status.get("market_open"),
        "feed_age_seconds": health.get("last_bar_age_seconds"),
        "feed_fault": bool(data.get("fault")),
        "clock_offset_seconds": (status.get("clock") or {}).get("offset_seconds"),
        "stale_symbols": len(data.get("stale", ())),
        "last_decision_age_seconds": health.get("last_decision_age_seconds"),
        "equity_usd": portfolio.get("equity"),
        "cash_usd": portfolio.get("cash"),
        "positions": len(portfolio.get("positions", ())),
        "daily_return_ratio": portfolio.get("daily_return"),
        "drawdown_ratio": portfolio.get("drawdown"),
        "breaker_daily_return_ratio": portfolio.get("breaker_daily_return"),
        "breaker_drawdown_ratio": portfolio.get("breaker_drawdown"),
        "drawdown_limit_ratio": limits.get("max_drawdown_pct"),
        "daily_loss_limit_ratio": limits.get("max_daily_loss_pct"),
        "stream_clients": stream["connections"],
        "stream_sent": stream["sent"],
        "stream_dropped": stream["dropped"],
        "stream_sequence": stream["sequence"],
    }
