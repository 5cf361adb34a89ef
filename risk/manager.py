"""The risk manager: marks the portfolio, applies the exit rules, and is the only one who approves orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from config.risk import RiskSettings
from core.brackets import Bracket
from core.lots import PickLots, first_in_first_out
from core.money import to_decimal
from core.types import (
    Action,
    ApprovedOrder,
    Cycle,
    Decision,
    MarketAnalysis,
    MarketView,
    Plan,
    Portfolio,
    RefusedOrder,
    Side,
    TradingState,
)
from risk import breaker, exits, levels, limits, mark_to_market
from risk.budget import Budget, Caps
from risk.limits import WASH_SALE
from risk.order_review import OrderReviewer, ReviewedOrder, entry_gates
from risk.sizing import payoff_ratio

BASIS_POINTS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class RuleBasedRiskManager:
    """`core.ports.RiskManager` by the settings' limits and exit rules.

    Pure, so the same inputs always give the same plan.

    Attributes
    ----------
    settings_of : callable
        Gives the settings in force; asked once a call, so an edit takes effect at the next step.
    sector_of : mapping of str to str
        Sector by symbol.
    fractional_shares : bool
        Whether the broker takes fractions of a share.
    cost_bps : float
        What a buy costs beyond the reference price (half the spread, slippage, fees), basis points.
    exit_settings_of : callable
        Gives, for the settings in force, those that exits and brackets follow. Others switch an exit rule off and
        leave the sizes: Kelly's bet follows from the swing exit's target over its stop.
    wash_sales : str
        `off`, `warn` or `refuse`: what becomes of a purchase, or the sale of a part, that disallows a loss for
        the tax.
    pick_lots : callable
        Chooses which shares a sale takes.
    """

    settings_of: Callable[[], RiskSettings]
    sector_of: Mapping[str, str]
    fractional_shares: bool
    cost_bps: float
    exit_settings_of: Callable[[RiskSettings], RiskSettings] = lambda settings: settings
    wash_sales: str = limits.OFF
    pick_lots: PickLots = first_in_first_out

    def mark_to_market(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> Portfolio:
        """Mark the portfolio to the view; see `risk.mark_to_market.mark_to_market`."""
        return mark_to_market.mark_to_market(view, portfolio, analysis, cycle)

    def exits(
        self, view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle
    ) -> tuple[Decision, ...]:
        """Return the exits that the cycle's rules demand; see `risk.exits.exits`."""
        return exits.exits(view, portfolio, analysis, cycle, self.exit_settings_of(self.settings_of()))

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
        """Size, check and sort every decision into approved, refused or unchanged.

        Sells come first, as given; then buys by falling score (by symbol among equals), each reviewed against
        what the ones before it left. Together they respect every limit, even if no sell of the plan fills.
        Orders approved in a cycle that submits count as trades of the session.

        Parameters
        ----------
        portfolio : Portfolio
            As `mark_to_market` returned it.
        state : TradingState
            Before the breakers; the plan's is what they made of it.
        """
        settings = self.settings_of()
        state, alerts = breaker.next_state(portfolio, settings, state)
        reviewed: list[ReviewedOrder] = []
        unchanged = {decision.symbol for decision in decisions if decision.action is Action.HOLD}
        if wanted := in_order(decisions, portfolio):
            reviewer = self._reviewer(
                decision_id, view, portfolio, settings, analysis=analysis, state=state, cycle=cycle
            )
            outcomes = [(decision, reviewer.review(decision)) for decision in wanted]
            reviewed = [order for _, order in outcomes if order is not None]
            unchanged |= {decision.symbol for decision, order in outcomes if order is None}
        approved = tuple(o for o in reviewed if isinstance(o, ApprovedOrder))
        counted = len(approved) if cycle.submits else 0
        return Plan(
            decisions=with_warnings(decisions, approved),
            approved=approved,
            refused=tuple(o for o in reviewed if isinstance(o, RefusedOrder)),
            unchanged=tuple(decision.symbol for decision in decisions if decision.symbol in unchanged),
            analysis=analysis,
            portfolio=replace(portfolio, trades_today=portfolio.trades_today + counted) if counted else portfolio,
            state=state,
            alerts=alerts + _alerts(view, portfolio, analysis, cycle, decisions),
            protections=_brackets(
                decision_id, portfolio, analysis, approved, self.exit_settings_of(settings), cycle
            ),
        )

    def on_consecutive_errors(self, faults: int, state: TradingState) -> tuple[TradingState, tuple[str, ...]]:
        """Return the state, never looser, and alerts after so many failed steps in a row."""
        return breaker.on_consecutive_errors(faults, self.settings_of(), state)

    def _reviewer(
        self,
        decision_id: str,
        view: MarketView,
        portfolio: Portfolio,
        settings: RiskSettings,
        *,
        analysis: MarketAnalysis,
        state: TradingState,
        cycle: Cycle,
    ) -> OrderReviewer:
        scale = min(max(0.0, analysis.regime.exposure_scale), 1.0) if analysis.regime else 1.0
        budget = Budget.of(
            portfolio,
            self.sector_of,
            to_decimal(self.cost_bps) / BASIS_POINTS,
            spend_pending_sales=settings.portfolio_limits.spend_pending_sales,
        )
        return OrderReviewer(
            decision_id=decision_id,
            view=view,
            portfolio=portfolio,
            state=state,
            cycle=cycle,
            settings=settings,
            exposure_scale=scale,
            fractional_shares=self.fractional_shares,
            caps=Caps.of(settings, budget.equity, scale),
            budget=budget,
            entry_gates=entry_gates(state, cycle, view, portfolio, settings),
            payoff=payoff_ratio(settings.swing_exit),
            wash_sales=self.wash_sales,
            pick_lots=self.pick_lots,
        )


def with_warnings(decisions: Sequence[Decision], approved: Sequence[ApprovedOrder]) -> tuple[Decision, ...]:
    """Return the decisions; one that disallows a loss says so among its reasons."""
    warned = {
        order.order.symbol: check.observed
        for order in approved
        for check in order.checks
        if check.rule == WASH_SALE
    }
    return tuple(
        replace(decision, reasons=(*decision.reasons, warned[decision.symbol]))
        if decision.symbol in warned
        else decision
        for decision in decisions
    )


def in_order(decisions: Sequence[Decision], portfolio: Portfolio) -> list[Decision]:
    """Return sells first, as given, then buys by falling score, by symbol among equals; holds are left out."""
    moving = [decision for decision in decisions if decision.action is not Action.HOLD]
    sells = [decision for decision in moving if _sells(decision, portfolio)]
    buys = [decision for decision in moving if not _sells(decision, portfolio)]
    return sells + sorted(buys, key=lambda decision: (-decision.score, decision.symbol))


def _sells(decision: Decision, portfolio: Portfolio) -> bool:
    if decision.action is Action.RESIZE:
        held = portfolio.positions.get(decision.symbol)
        return held is not None and to_decimal(decision.target_weight or 0.0) * portfolio.equity < held.value
    return decision.action is Action.EXIT


def _alerts(
    view: MarketView,
    portfolio: Portfolio,
    analysis: MarketAnalysis,
    cycle: Cycle,
    decisions: Sequence[Decision],
) -> tuple[str, ...]:
    """Return what a person should know of positions without exit rules and of exposure without a regime."""
    out = list(exits.unprotected(view, portfolio, analysis, cycle))
    if not analysis.regime and any(decision.action is Action.ENTER for decision in decisions):
        out.append("No regime is known: exposure is not scaled by it. See /status for the regime model.")
    return tuple(out)


def _brackets(
    decision_id: str,
    portfolio: Portfolio,
    analysis: MarketAnalysis,
    approved: Sequence[ApprovedOrder],
    settings: RiskSettings,
    cycle: Cycle,
) -> tuple[Bracket, ...]:
    """Return the brackets of what is held, also while it is being sold, and of what is being bought."""
    if not cycle.protects:
        return ()
    entering = [a.order.symbol for a in approved if a.order.side is Side.BUY]
    peaks: dict[str, Decimal | None] = dict.fromkeys(entering)
    peaks |= {symbol: position.peak_price for symbol, position in portfolio.positions.items()}
    return tuple(
        levels.bracket_of(symbol, decision_id, analysis.atr.get(symbol), settings.risk_check, peaks[symbol])
        for symbol in sorted(peaks)
    )
