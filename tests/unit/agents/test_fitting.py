"""A fit is due by the date alone, sees the past alone, and one that fails makes the agent abstain."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import pytest

from agents.fitting import FitsInPlace, Fitted, due_row
from agents.plugins import PluginAgents
from config.plugins import PluginSettings
from core.types import MarketView
from tests.panels import make_panel
from tests.user_agents import LEARNER, loaded, write

SETTINGS = PluginSettings()
PANEL = make_panel(1, sessions=40, symbols=("AAPL", "JPM"))


@pytest.mark.parametrize("every", [1, 5, 21])
def test_a_fit_is_due_at_the_end_of_each_period_however_long_the_history_is(every: int) -> None:
    rows = range(1, len(PANEL.sessions) + 1)
    due = [due_row(PANEL.dates, n, every) for n in rows]
    assert any(row is not None for row in due)
    for n, row in zip(rows, due, strict=True):
        assert row is None or row < n - 1
    shorter = PANEL.dates[10:]
    for n in range(every + 3, len(shorter) + 1):
        row = due_row(shorter, n, every)
        assert row is not None
        assert shorter[row] == PANEL.dates[due[n + 9] or 0]


def test_the_agent_is_fitted_on_the_bars_until_the_due_session_and_no_later(tmp_path: Path) -> None:
    write(tmp_path, "learner", LEARNER)
    (named,) = loaded(tmp_path).agents
    fits = FitsInPlace()
    seen = set()
    for rows in range(12, 41):
        found = fits.fitted(named, PANEL.prefix(rows), SETTINGS)
        row = due_row(PANEL.dates, rows, 5)
        assert isinstance(found, Fitted)
        assert row is not None
        assert found.session == PANEL.dates[row].isoformat()
        assert vars(found.agent)["sessions"] == row + 1
        seen.add(found.session)
    assert len(seen) > 3
    assert not hasattr(named.agent, "mean")  # each fit begins from the agent as it was made


def test_before_its_first_fit_and_after_a_failed_one_it_abstains(tmp_path: Path) -> None:
    write(tmp_path, "learner", LEARNER)
    write(tmp_path, "failing", LEARNER.replace("learner", "failing").replace("history.close", "history.gone"))
    agents = PluginAgents(loaded(tmp_path).agents, SETTINGS)
    reasons = {}
    for rows in (2, 40):
        bars = PANEL.prefix(rows)
        view = MarketView(as_of=bars.closed_at[rows - 1].astimezone(UTC) + timedelta(minutes=1), bars=bars)
        found = agents.signals(view, ("AAPL", "JPM"))
        reasons[rows] = {a.agent: a.reason for a in found.abstentions}
        heard = {signal.agent for signal in found.signals}
        assert heard == (set() if rows == 2 else {"learner"})
    assert set(reasons[2]) == {"learner", "failing"}
    assert "its fit failed: it raised AttributeError" in reasons[40]["failing"]
