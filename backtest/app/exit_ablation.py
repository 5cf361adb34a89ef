"""A risk manager whose exits follow other settings than its sizing: what an exit rule alone is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from config.risk import RiskCheck, RiskSettings
from core.brackets import Bracket
from core.ports import RiskManager
from core.types import Cycle, Decision, MarketAnalysis, MarketView, Plan, Portfolio, TradingState
from risk.levels import bracket_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherExits:
    """Implements `core.ports.RiskManager`.

    Kelly's bet follows from the swing exit's target over its stop, so switching a rule off in the settings
    would change the sizes too, down to nothing. Here the sizes stay.

    Attributes
    ----------
    sizing : RiskManager
        Marks, sizes and limits.
    leaving : RiskManager
        Names the exits.
    settings : RiskSettings
        Those of `leaving`: the protections follow them.
    """

    sizing: RiskManager
    leaving: RiskManager
    settings: RiskSettings

    def mark_to_market(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> Portfolio:
        """Mark the portfolio to the view."""
        return self.sizing.mark_to_market(view, portfolio, analysis, cycle)

    def exits(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> tuple[Decision, ...]:
        """Name the positions that the other settings close."""
        return self.leaving.exits(view, portfolio, analysis, cycle)

    def review(
        self,
        *,
        decision_id: str,
        decisions: Sequence[Decision],
        view: MarketView,
        portfolio: Portfolio,
        analysis: MarketAnalysis,
        state: TradingState,
        cycle: Cycle,
    ) -> Plan:
        """Size and check as ever; the brackets follow the other settings."""
        plan = self.sizing.review(
            decision_id=decision_id,
            decisions=decisions,
            view=view,
            portfolio=portfolio,
            analysis=analysis,
            state=state,
            cycle=cycle,
        )
        brackets = tuple(_with_other_exits(bracket, self.settings.risk_check) for bracket in plan.protections)
        return replace(plan, protections=brackets)

    def on_consecutive_errors(self, faults: int, state: TradingState) -> tuple[TradingState, tuple[str, ...]]:
        """Return the state after so many failed steps."""
        return self.sizing.on_consecutive_errors(faults, state)


def _with_other_exits(bracket: Bracket, risk_check: RiskCheck) -> Bracket:
    atr = float(bracket.atr) if bracket.atr else None
    return bracket_of(bracket.symbol, bracket.decision_id, atr, risk_check, bracket.peak_price)
