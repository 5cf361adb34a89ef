"""What every strategy must keep to; an author runs it on his own, as with `tests.conformance.agents`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from agents.plugins import PluginParts
from agents.registered import registered_strategy
from config.loader import FOLDER
from config.trading import TradingSettings
from core.cycles import DECIDE_AND_SEND
from core.types import Decision, MarketView, Portfolio
from models.factors.store import FactorStore
from tests.conformance.agents import market


class StrategyConformance:
    """The suite; a subclass names the strategy."""

    strategy: ClassVar[str]
    folder: ClassVar[Path] = FOLDER

    def decided(self, rows: int) -> tuple[Decision, ...]:
        """Return what it decides with an empty account after so many sessions."""
        trading = TradingSettings(strategy=self.strategy)
        parts = PluginParts(factors=FactorStore(trading.universe.sector_etf_of), trading=trading)
        team = registered_strategy(trading, self.folder, parts)
        bars = market().prefix(rows)
        view = MarketView(as_of=bars.closed_at[rows - 1] + timedelta(minutes=1), bars=bars)
        portfolio = Portfolio(cash=Decimal(100_000))
        analysis = team.analyse(view, portfolio, DECIDE_AND_SEND)
        decisions = team.decide(analysis, portfolio, DECIDE_AND_SEND)
        explained = team.explain(view, analysis, [decision.symbol for decision in decisions])
        assert not [a.reason for a in explained.abstentions if a.agent == self.strategy]
        return decisions

    def test_it_decides_on_some_day_of_a_quarter(self) -> None:
        assert any(self.decided(rows) for rows in range(300, 363))

    def test_the_same_view_has_the_same_decisions(self) -> None:
        for rows in (300, 310, 320):
            assert self.decided(rows) == self.decided(rows)

    def test_it_decides_each_symbol_once_and_for_no_more_than_there_is(self) -> None:
        for rows in range(300, 363, 3):
            decisions = self.decided(rows)
            symbols = [decision.symbol for decision in decisions]
            assert len(symbols) == len({*symbols})
            assert sum(decision.target_weight or 0.0 for decision in decisions) <= 1.0 + 1e-9
