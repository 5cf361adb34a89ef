"""Order review: each decision against the limits, with the budget that the ones before it left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from msgspec import UNSET

from config.risk import RiskSettings
from core.ids import client_order_id
from core.loss_sales import disallowed_usd
from core.lots import PickLots
from core.replaced_sales import replaced_sale
from core.times import market_date
from core.trading import ZERO
from core.types import (
    Action,
    ApprovedOrder,
    Check,
    Cycle,
    Decision,
    Fill,
    MarketView,
    Order,
    Portfolio,
    Position,
    RefusedOrder,
    Side,
    TradingState,
)
from risk import exits, limits, sizing
from risk.budget import Budget, Caps, share_of
from risk.mark_to_market import live_price
from risk.sizing import Size

ReviewedOrder = ApprovedOrder | RefusedOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReviewer:
    """Reviews the decisions of one plan; only `budget` changes, with each order approved.

    Attributes
    ----------
    entry_gates : tuple of Check
        What holds for every buy of the plan alike, up to the first that fails.
    payoff : float or None
        What a trade wins per dollar it can lose; None where it is not known.
    """

    decision_id: str
    view: MarketView
    portfolio: Portfolio
    state: TradingState
    cycle: Cycle
    settings: RiskSettings
    exposure_scale: float
    fractional_shares: bool
    caps: Caps
    budget: Budget
    entry_gates: tuple[Check, ...]
    payoff: float | None
    wash_sales: str
    pick_lots: PickLots

    def review(self, decision: Decision) -> ReviewedOrder | None:
        """Approve or refuse the order of a decision; None where the change is too small to trade."""
        if decision.action is Action.EXIT:
            return self.review_sell(decision)
        return self.review_resize(decision) if decision.action is Action.RESIZE else self.review_buy(decision)

    def review_resize(self, decision: Decision) -> ReviewedOrder | None:
        """Trade the difference between what is held and what the team wants held."""
        position = self.portfolio.positions.get(decision.symbol)
        if position is None:
            return self.review_buy(decision)
        target = self._clamped(decision.target_weight or 0.0)
        gap = share_of(self.budget.equity, target) - position.value
        smallest = self.settings.portfolio_limits.min_resize_pct
        if abs(gap) < share_of(self.budget.equity, smallest) if smallest is not None else not gap:
            return None
        price = live_price(self.view, decision.symbol) or ZERO
        size = sizing.sized_usd(
            abs(gap),
            weight=target,
            headroom_usd=self.budget.headroom(decision.symbol, self.caps) if gap > 0 else abs(gap),
            floor_usd=self.caps.floor_usd,
            price=price,
            fractional_shares=self.fractional_shares,
        )
        checks, failed = _run_checks(self._resize_checks(position, price, size, buys=gap > 0))
        side = Side.BUY if gap > 0 else Side.SELL
        if failed:
            return _refused(decision, side, failed)
        quantity = size.quantity if gap > 0 else self._free_of(decision.symbol, size.quantity)
        return self._approved(decision, side, quantity, price, checks)

    def _resize_checks(self, position: Position, price: Decimal, size: Size, *, buys: bool) -> Iterator[Check]:
        yield from limits.account_allows(self.portfolio, position.symbol, Side.BUY if buys else Side.SELL)
        yield limits.not_sold_twice(self.budget, position.symbol)
        yield limits.symbol_stale(self.view, position.symbol)
        yield limits.price_present(price)
        if not buys:
            yield limits.trading_state(self.state, Side.SELL)
        else:
            yield from self.entry_gates
            yield limits.max_daily_trades(self.budget, self.settings.daily_limits)
            yield limits.max_position(self.budget, position.value + size.notional_usd, self.caps)
            yield from self._headroom_checks(position.symbol, size)
        yield limits.min_order(size.quantity, size.quantity * price, self.settings.portfolio_limits)
        if buys:
            yield from self._wash_sale(position.symbol, size)
        else:
            quantity = self._free_of(position.symbol, size.quantity)
            yield from self._replaced_sale(position.symbol, quantity, price, self.wash_sales)

    def review_sell(self, decision: Decision) -> ReviewedOrder:
        """Approve the sale of a whole position (of what is free of it), or refuse it with the failed check."""
        position = self.portfolio.positions.get(decision.symbol)
        if position is None:
            return _refused(decision, Side.SELL, limits.position_held(None))
        price = live_price(self.view, decision.symbol)
        reference = price or position.last_price or position.average_price
        part = None if decision.quantity is UNSET else decision.quantity
        quantity = self._free_of(decision.symbol, position.quantity if part is None else part)
        # What a rule or a person sells whole is sold, whatever it costs in taxes; a part that is named may wait.
        mode = limits.WARN if part is None and self.wash_sales != limits.OFF else self.wash_sales
        checks, failed = _run_checks(
            (
                *self._sell_checks(position, price),
                *self._replaced_sale(decision.symbol, quantity, reference, mode),
            )
        )
        if failed:
            return _refused(decision, Side.SELL, failed)
        return self._approved(decision, Side.SELL, quantity, reference, checks)

    def _free_of(self, symbol: str, quantity: Decimal) -> Decimal:
        return min(quantity, self.portfolio.sellable(symbol))

    def _sell_checks(self, position: Position, price: Decimal | None) -> Iterator[Check]:
        """Yield the checks of a sale. Where a person asked for it, neither state nor live price is needed."""
        yield limits.position_held(position)
        yield from limits.account_allows(self.portfolio, position.symbol, Side.SELL)
        yield limits.not_sold_twice(self.budget, position.symbol)
        if self.cycle.kind.needs_prices:
            yield limits.trading_state(self.state, Side.SELL)
            yield limits.symbol_stale(self.view, position.symbol)
            yield limits.price_present(price)

    def review_buy(self, decision: Decision) -> ReviewedOrder:
        """Size an entry and approve it, or refuse it with the failed check."""
        if not self.entry_gates[-1].passed:
            return _refused(decision, Side.BUY, self.entry_gates[-1])
        price = live_price(self.view, decision.symbol) or ZERO
        size = self._size(decision, price)
        checks, failed = _run_checks(self._buy_checks(decision.symbol, price, size))
        if failed:
            return _refused(decision, Side.BUY, failed)
        return self._approved(decision, Side.BUY, size.quantity, price, self.entry_gates + checks)

    def _size(self, decision: Decision, price: Decimal) -> Size:
        if decision.target_weight is not None:
            weight = self._clamped(decision.target_weight)
        else:
            weight = sizing.target_weight(
                decision.p_win,
                decision.score,
                self.exposure_scale,
                self.settings.position_sizing,
                self.payoff,
            )
        return sizing.sized_usd(
            share_of(self.budget.equity, weight),
            weight=weight,
            headroom_usd=self.budget.headroom(decision.symbol, self.caps),
            floor_usd=self.caps.floor_usd,
            price=price,
            fractional_shares=self.fractional_shares,
        )

    def _clamped(self, target_weight: float) -> float:
        """Clamp a share that the team chose to what one position may be."""
        return min(target_weight, self.settings.position_sizing.max_position_pct)

    def _buy_checks(self, symbol: str, price: Decimal, size: Size) -> Iterator[Check]:
        settings, budget, caps = self.settings, self.budget, self.caps
        yield from limits.account_allows(self.portfolio, symbol, Side.BUY)
        yield limits.symbol_stale(self.view, symbol)
        yield limits.price_present(price)
        yield limits.not_held_twice(budget, symbol)
        yield limits.reentry(self._sessions_since_risk_exit(symbol), settings.portfolio_limits)
        yield limits.max_positions(budget, settings.portfolio_limits)
        yield limits.max_daily_trades(budget, settings.daily_limits)
        yield limits.edge(size.weight)
        yield limits.min_position(size.weight, settings.position_sizing)
        yield limits.max_position(budget, size.notional_usd, caps)
        yield from self._headroom_checks(symbol, size)
        yield limits.min_order(size.quantity, size.quantity * price, settings.portfolio_limits)
        yield from self._wash_sale(symbol, size)

    def _wash_sale(self, symbol: str, size: Size) -> Iterator[Check]:
        losses = (self.portfolio.loss_sales or {}).get(symbol, ())
        today = market_date(self.view.as_of)
        return limits.wash_sale(symbol, disallowed_usd(losses, today, size.quantity), self.wash_sales)

    def _replaced_sale(self, symbol: str, quantity: Decimal, price: Decimal, mode: str) -> Iterator[Check]:
        lots = (self.portfolio.replacing_lots or {}).get(symbol, ())
        if not lots or quantity <= 0:
            return
        sale = Fill(
            fill_id="", client_order_id="", symbol=symbol, side=Side.SELL, quantity=quantity, price=price,
            fee=ZERO, at=self.view.as_of,
        )  # fmt: skip
        yield from limits.replaced_sale(symbol, quantity, replaced_sale(lots, sale, self.pick_lots), mode)

    def _sessions_since_risk_exit(self, symbol: str) -> int | None:
        """Return the sessions between a rule's sale and this buy; after the close it trades in the next one."""
        sold_in = (self.portfolio.risk_exits or {}).get(symbol)
        if sold_in is None:
            return None
        passed = exits.sessions_after(self.view, sold_in, self.portfolio.session)
        return passed + int(not self.view.market_open)

    def _headroom_checks(self, symbol: str, size: Size) -> Iterator[Check]:
        yield limits.max_exposure(self.budget, size.notional_usd, self.caps)
        yield limits.max_sector(self.budget, symbol, size.notional_usd, self.caps)
        yield limits.buying_power(self.budget, size.notional_usd)

    def _approved(
        self,
        decision: Decision,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        checks: tuple[Check, ...],
    ) -> ApprovedOrder:
        order = Order(
            client_order_id=client_order_id(self.decision_id, decision.symbol, side),
            decision_id=self.decision_id,
            symbol=decision.symbol,
            side=side,
            quantity=quantity,
            reference_price=price,
            rule=decision.rule,
        )
        held = self.portfolio.positions.get(decision.symbol)
        self.budget.approve(order, whole=held is None or quantity >= held.quantity)
        weight = float(quantity * price / self.budget.equity) if side is Side.BUY else 0.0
        return ApprovedOrder(order=order, weight=weight, checks=checks)


def entry_gates(
    state: TradingState, cycle: Cycle, view: MarketView, portfolio: Portfolio, settings: RiskSettings
) -> tuple[Check, ...]:
    """Return the checks that hold for every buy of a plan alike, up to the first that fails."""
    gates = (
        limits.trading_state(state, Side.BUY),
        limits.entries_allowed(cycle),
        limits.feed_fault(view),
        limits.max_daily_loss(portfolio, settings.daily_limits),
    )
    passed, failed = _run_checks(gates)
    return (*passed, failed) if failed else passed


def _run_checks(checks: Iterable[Check]) -> tuple[tuple[Check, ...], Check | None]:
    """Run checks up to the first that fails; return those passed, and the one that failed."""
    passed: list[Check] = []
    for check in checks:
        if not check.passed:
            return tuple(passed), check
        passed.append(check)
    return tuple(passed), None


def _refused(decision: Decision, side: Side, check: Check) -> RefusedOrder:
    return RefusedOrder(
        symbol=decision.symbol, side=side, rule=check.rule, limit=check.limit, observed=check.observed
    )
