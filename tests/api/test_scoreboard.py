"""The scoreboard over HTTP."""

from __future__ import annotations

import httpx

from tests.api.conftest import Daemon


def test_the_scoreboard_says_what_it_is_judged_by(daemon: Daemon) -> None:
    answer = httpx.get(f"{daemon.url}/scoreboard", timeout=60).json()
    assert answer["yardstick"] == "baseline"
    assert answer["shown_min"] == 20
    assert answer["votes"] == "runbook"
    assert answer["data"]["source"]
