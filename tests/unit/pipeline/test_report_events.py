from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.events.hub import EventHub
from core.types import Cycle, MarketAnalysis, Plan, Portfolio, StepReport, TradingState
from pipeline.report_events import publish_events_to


def report(cycle: str, *alerts: str) -> StepReport:
    plan = Plan(
        decisions=(), approved=(), refused=(), unchanged=(), analysis=MarketAnalysis(), alerts=alerts,
        portfolio=Portfolio(cash=Decimal(1)), state=TradingState.ACTIVE,
    )  # fmt: skip
    return StepReport(
        decision_id="d", cycle=Cycle(name=cycle), as_of=datetime(2024, 1, 2, tzinfo=UTC), source="s",
        bars_until="",
        view_digest="", config_digest="", plan=plan,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ([("risk_check", "a")] * 5, ["a"]),
        ([("risk_check", "a"), ("risk_check",), ("risk_check", "a")], ["a", "a"]),
        ([("risk_check", "a"), ("settle",), ("risk_check", "a", "b")], ["a", "b"]),
    ],
    ids=["it goes on", "it came back", "another step between"],
)
def test_an_alert_is_published_once_as_long_as_it_goes_on(
    steps: Sequence[tuple[str, ...]], heard: Sequence[str]
) -> None:
    hub = EventHub()
    publish = publish_events_to(hub)
    for cycle, *alerts in steps:
        publish(report(cycle, *alerts), TradingState.ACTIVE)
    assert [event.data["message"] for event in hub._log if event.topic == "risk.alert"] == heard
