"""Each of the user's agents is checked for look-ahead at its load: one that leaks abstains, the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from adapters.notify.events import EventTranslator
from agents.fitting import FitsInPlace
from agents.plugins import PluginAgents
from config.plugins import PluginSettings
from config.trading import TradingSettings
from core.notifications import Notification
from core.types import MarketAnalysis, MarketView
from daemon.wiring.load_checks import LoadChecks
from tests.panels import make_panel
from tests.user_agents import LEARNER, RISERS, body, loaded, write

SECONDS_MAX = 90.0
NOW = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)
TOMORROW = """
import gc
import numpy as np
class Made:
    name = "tomorrow"
    def signals(self, view, symbols):
        bars = view.bars
        base = bars.close if bars.close.base is None else bars.close.base
        row = min(len(bars.sessions), len(base) - 1)
        return {s: float(np.tanh(20 * (base[row, bars.column[s]] / bars.close[-1, bars.column[s]] - 1)))
                for s in symbols}
"""
AGENTS = {
    "risers": RISERS,
    "learner": LEARNER,
    "tomorrow": TOMORROW,
    "leaves": "import os\n" + body("leaves", "os._exit(3) if len(view.bars.sessions) < 430 else None; return {}"),
    "silent": body("silent", "return {}"),
}


class Checked:
    """Agents that are checked while they are asked."""

    def __init__(self, user: Path, seconds_max: float = SECONDS_MAX) -> None:
        self.told: list[Notification] = []
        hub, translator = EventHub(), EventTranslator()

        def hear(topic: str, at: datetime, data: Mapping[str, Any]) -> None:
            told = translator.notification(topic, at, data)
            self.told += [told] if told else []

        hub.add_listener(hear)
        plugins = PluginSettings(check_seconds_max=seconds_max, deadline_seconds=20)
        self.checks = LoadChecks(FitsInPlace(), ManualClock(NOW), hub, TradingSettings(plugins=plugins))
        self.agents = PluginAgents(loaded(user).agents, plugins, self.checks)
        stocks = (*TradingSettings().stocks[:8], "SPY")
        panel = make_panel(3, sessions=430, symbols=stocks)
        self.view = MarketView(as_of=panel.closed_at[-1], bars=panel)
        self.symbols = stocks[:8]

    def ask(self) -> MarketAnalysis:
        return self.agents.signals(self.view, self.symbols)

    def heard(self) -> set[str]:
        return {signal.agent for signal in self.ask().signals}

    def wait(self) -> None:
        until = time.monotonic() + 2 * SECONDS_MAX
        while any(text.startswith(("waits", "is being")) for text in self.checks.stated.values()):
            assert time.monotonic() < until, self.checks.stated
            time.sleep(0.05)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    user = tmp_path_factory.mktemp("user")
    for name, text in AGENTS.items():
        write(user, name, text)
    made = Checked(user)
    assert made.heard() == {"risers", "learner", "tomorrow"}, "heard at once, while the check goes on"
    made.wait()
    yield made
    made.checks.stop()


def test_one_that_looks_ahead_abstains_with_the_reason_and_the_others_are_heard(checked: Checked) -> None:
    assert checked.heard() == {"risers", "learner"}
    reasons = {a.agent: a.reason for a in checked.ask().abstentions if a.symbol == "*"}
    assert reasons["tomorrow"].startswith("it looks ahead, or is not the same twice: On ")


def test_it_is_stated_and_a_person_is_told_once(checked: Checked) -> None:
    (fault,) = checked.checks.faults
    assert fault.startswith("agent tomorrow abstains: it looks ahead")
    (told,) = checked.told
    assert "The agent tomorrow abstains from now on" in told.text
    assert "No order is made on its word" in told.text


def test_how_each_check_went_is_stated(checked: Checked) -> None:
    stated = checked.checks.stated
    assert stated["risers"] == stated["learner"] == "no look-ahead found in 24 comparisons"
    assert stated["leaves"].startswith("not checked: its check ended without an answer")
    assert stated["silent"] == "not checked, for it gave no score: it gave no score for any stock"


def test_a_check_that_does_not_end_is_ended(tmp_path: Path) -> None:
    write(tmp_path, "hanging", body("hanging", "time.sleep(60)"))
    write(tmp_path, "risers", RISERS)
    made = Checked(tmp_path, seconds_max=2)
    try:
        made.agents = PluginAgents(made.agents.agents, PluginSettings(deadline_seconds=1), made.checks)
        assert made.heard() == {"risers"}
        made.wait()
        assert "it has 2 s" in made.checks.stated["hanging"]
        assert made.heard() == {"risers"}
        assert not made.told
    finally:
        made.checks.stop()
