from __future__ import annotations

from typing import Any

import pytest

from cli.watch import unwell

HEALTH = {
    "ready": True, "not_ready": "", "server_uptime": 4_000.0, "trading_state": "active",
    "last_decision_age_seconds": 600.0, "engine_busy_seconds": 0.2,
}  # fmt: skip
STATUS = {
    "market_open": True,
    "scheduler": {"enabled": True},
    "degraded": ["sentiment: no FinBERT"],
    "unwatched": "",
}
LATE = "jobs: cron_decide was due at Fri 2026-11-27 10:15 New York and has not begun"


def reasons(health: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> list[str]:
    return list(unwell(HEALTH | (health or {}), STATUS | (status or {}), 35 * 60))


def test_a_daemon_that_decides_is_well_whatever_is_degraded_beside() -> None:
    assert reasons() == []


@pytest.mark.parametrize(
    ("health", "status", "words"),
    [
        ({"ready": False, "not_ready": "The start waits."}, {}, "not ready 67 minutes after its start"),
        ({"trading_state": "halted"}, {"state_reason": "a person"}, "Trading is halted: a person."),
        ({"engine_busy_seconds": 2_400.0}, {}, "One step has run for 40 minutes"),
        ({"last_decision_age_seconds": 36 * 60.0}, {}, "it is 36 minutes old"),
        ({"last_decision_age_seconds": None}, {}, "there is none"),
        ({}, {"degraded": [LATE]}, "cron_decide was due"),
        ({}, {"unwatched": "not automatic: nobody watches the stops of 2 positions."}, "nobody watches"),
    ],
)
def test_what_is_not_well_is_said(health: dict[str, Any], status: dict[str, Any], words: str) -> None:
    (reason,) = reasons(health, status)
    assert words in reason


@pytest.mark.parametrize(
    ("health", "status"),
    [
        ({"last_decision_age_seconds": 60 * 3_600.0}, {"market_open": False}),
        ({"last_decision_age_seconds": 60 * 3_600.0}, {"scheduler": {"enabled": False}}),
        ({"last_decision_age_seconds": None, "server_uptime": 60.0}, {}),
        ({"ready": False, "not_ready": "The engine is starting.", "server_uptime": 60.0}, {"market_open": False}),
    ],
    ids=["closed", "nothing runs by itself", "just started", "starting"],
)
def test_an_old_decision_is_well_where_none_was_due(health: dict[str, Any], status: dict[str, Any]) -> None:
    assert reasons(health, status) == []
