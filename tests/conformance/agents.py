"""What every agent must keep to; an author runs it on his own:

from tests.conformance.agents import AgentConformance

class TestMine(AgentConformance):
    agent = "mine"        # user/agents/mine.py
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from backtest.app.agent_check.check import find_agent
from backtest.app.agent_check.leaks import Examination, examine
from backtest.app.settings import BacktestSpec
from config.loader import FOLDER
from config.trading import RegimeSettings, TradingSettings
from core.types import BarPanel
from tests.conformance.inline import HereAtOnce
from tests.panels import make_panel

ROWS = range(300, 340)
LATE, GONE = 5, 7
TRADING = TradingSettings(regime=RegimeSettings(restarts=1, refit_sessions=63))


@cache
def market() -> BarPanel:
    """430 sessions of invented bars; one stock is listed late, one has no bars any more."""
    universe = TRADING.universe
    symbols = tuple(dict.fromkeys((*TRADING.stocks, *(s.etf for s in universe.sectors.values()), "SPY")))
    missing = {TRADING.stocks[LATE]: [(0, 150)], TRADING.stocks[GONE]: [(200, 430)]}
    return make_panel(3, sessions=430, symbols=symbols, missing=missing)


@cache
def examined(agent: str, folder: Path) -> Examination:
    plugin = find_agent(agent, BacktestSpec(folder=folder))
    return examine(plugin, TRADING, market(), ROWS, HereAtOnce(), 60.0)


class AgentConformance:
    """The suite; a subclass names the agent."""

    agent: ClassVar[str]
    folder: ClassVar[Path] = FOLDER

    def test_it_speaks(self) -> None:
        found = examined(self.agent, self.folder).whole
        assert np.isfinite(found.scores[0]).any(), found.reasons

    def test_its_scores_are_in_bounds_and_nothing_goes_wrong(self) -> None:
        found = examined(self.agent, self.folder).whole
        known = found.scores[0][np.isfinite(found.scores[0])]
        assert (np.abs(known) <= 1).all()
        assert not [reason for reason in found.reasons if reason.startswith("it raised")]

    def test_the_same_view_has_the_same_answer_whatever_comes_later(self) -> None:
        assert examined(self.agent, self.folder).findings == ()
