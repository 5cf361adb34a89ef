"""A risk manager whose exits follow other settings than its sizing: what an exit rule alone is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from config.risk import RiskCheck, RiskSettings
from core.ports import RiskManager
from core.protection import Protection
from core.types import Cycle, Decision, MarketView, Opinion, Plan, Portfolio, TradingState
from risk.levels import protection


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

    def mark(self, view: MarketView, portfolio: Portfolio, opinion: Opinion, cycle: Cycle) -> Portfolio:
        """Mark the book to the view."""
        return self.sizing.mark(view, portfolio, opinion, cycle)

    def exits(
        self, view: MarketView, portfolio: Portfolio, opinion: Opinion, cycle: Cycle
    ) -> tuple[Decision, ...]:
        """Name the positions that the other settings close."""
        return self.leaving.exits(view, portfolio, opinion, cycle)

    def review(
        self,
        *,
        decision_id: str,
        decisions: Sequence[Decision],
        view: MarketView,
        portfolio: Portfolio,
        opinion: Opinion,
        state: TradingState,
        cycle: Cycle,
    ) -> Plan:
        """Size and check as ever; guard what is held by the other settings."""
        plan = self.sizing.review(
            decision_id=decision_id,
            decisions=decisions,
            view=view,
            portfolio=portfolio,
            opinion=opinion,
            state=state,
            cycle=cycle,
        )
        guards = tuple(_guarded(guard, self.settings.risk_check) for guard in plan.protections)
        return replace(plan, protections=guards)

    def after_faults(self, faults: int, state: TradingState) -> tuple[TradingState, tuple[str, ...]]:
        """Give the state after so many failed steps."""
        return self.sizing.after_faults(faults, state)


def _guarded(guard: Protection, risk_check: RiskCheck) -> Protection:
    atr = float(guard.atr) if guard.atr else None
    return protection(guard.symbol, guard.decision_id, atr, risk_check, guard.peak_price)
