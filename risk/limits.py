"""The limits, one small function each: what is allowed, what was observed, and whether it passes.

A limit set to `null` is off: its check passes, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import UNSET

from config.risk import DailyLimits, PortfolioLimits, PositionSizing
from core.money import to_cents
from core.replaced_sales import ReplacedSale
from core.types import Check, Cycle, MarketView, Portfolio, Position, Side, TradingState
from risk.budget import Budget, Cap, Caps

OFF = "off"
WARN = "warn"
WASH_SALE = "wash_sale"
_ALLOWED = {
    TradingState.ACTIVE: (Side.BUY, Side.SELL),
    TradingState.REDUCING: (Side.SELL,),
    TradingState.HALTED: (),
}


def trading_state(state: TradingState, side: Side) -> Check:
    """HALTED refuses all, REDUCING refuses buys."""
    needed = "active" if side is Side.BUY else "active or reducing"
    return Check(rule="trading_state", limit=needed, observed=state.value, passed=side in _ALLOWED[state])


def entries_allowed(cycle: Cycle) -> Check:
    """Buy only in a cycle that considers buying; the risk check and flatten never do."""
    passed = cycle.entries and cycle.kind.can_enter
    return Check(
        rule="entries_allowed", limit="a cycle with entries", observed=f"cycle {cycle.name}", passed=passed
    )


def feed_fault(view: MarketView) -> Check:
    """A feed that cannot be trusted as a whole stops entries."""
    observed = view.feed_fault or "a sound feed"
    return Check(rule="feed_fault", limit="a sound feed", observed=observed, passed=not view.feed_fault)


def max_daily_loss(portfolio: Portfolio, limits: DailyLimits) -> Check:
    """Stop entries once the session has lost its limit; a limit of 0 stops them at once."""
    limit, day = limits.max_daily_loss_pct, portfolio.breaker_daily_return
    passed = limit is None or (limit < 0 and day > limit)
    allowed = OFF if limit is None else f"above {limit:.3%}"
    return Check(rule="max_daily_loss_pct", limit=allowed, observed=f"{day:.3%}", passed=passed)


def symbol_stale(view: MarketView, symbol: str) -> Check:
    """A symbol that was left out of the view is not traded."""
    reason = view.stale.get(symbol)
    return Check(rule="symbol_stale", limit="fresh bars", observed=reason or "fresh", passed=reason is None)


def price_present(price: Decimal | None) -> Check:
    """Nothing is traded without a price."""
    observed = f"{price}" if price else "none"
    return Check(rule="price_present", limit="a price above 0", observed=observed, passed=bool(price))


def not_held_twice(budget: Budget, symbol: str) -> Check:
    """Buy only what is neither held nor under way."""
    held = "already held" if symbol in budget.names else "free"
    observed = "order pending" if symbol in budget.busy else held
    return Check(rule="duplicate", limit="neither held nor pending", observed=observed, passed=observed == "free")


def not_sold_twice(budget: Budget, symbol: str) -> Check:
    """Sell only what has no order under way: a second one would sell the same shares again."""
    busy = symbol in budget.busy
    return Check(
        rule="duplicate",
        limit="no order pending",
        observed="order pending" if busy else "none pending",
        passed=not busy,
    )


def reentry(since: int | None, limits: PortfolioLimits) -> Check:
    """Buy back what an exit rule sold only some sessions later: minutes later the vote is what it was.

    Parameters
    ----------
    since : int or None
        Sessions between that sale and the one in which this buy would trade; None where no rule has sold it.
    """
    limit = limits.reentry_sessions
    observed = "not sold by a rule" if since is None else f"{since} sessions since a rule sold it"
    allowed = OFF if limit is None else f"{limit} sessions or more since"
    passed = limit is None or since is None or since >= limit
    return Check(rule="reentry", limit=allowed, observed=observed, passed=passed)


def position_held(position: Position | None) -> Check:
    """Sell only what is held."""
    observed = f"{position.quantity} shares" if position else "no position"
    return Check(rule="position_held", limit="a position", observed=observed, passed=position is not None)


def account_allows(portfolio: Portfolio, symbol: str, side: Side) -> Iterator[Check]:
    """Trade only where the account takes orders, and what it holds and has is as the ledger has it.

    Nothing is yielded where all is: then there is no limit to speak of.
    """
    if portfolio.conditions is UNSET:
        return
    account = portfolio.account
    open_ = "an account that takes orders"
    yield Check(
        rule="account_open", limit=open_, observed=account.restricted or "open", passed=not account.restricted
    )
    frozen = account.frozen.get(symbol)
    if frozen is not None:
        agreed = "the account as the ledger has it"
        passed = side is Side.SELL and not frozen.missing
        yield Check(rule="symbol_frozen", limit=agreed, observed=frozen.description, passed=passed)
    if side is Side.BUY:
        observed = f"${account.cash_difference:+.2f}"
        yield Check(rule="cash_agrees", limit="$0", observed=observed, passed=not account.cash_difference)
    else:
        free = portfolio.sellable(symbol)
        yield Check(rule="shares_free", limit="above 0 shares", observed=f"{free:f} shares", passed=free > 0)


def max_positions(budget: Budget, limits: PortfolioLimits) -> Check:
    """Count the names after this one, pending buys included."""
    return _at_most("max_positions", len(budget.names) + 1, limits.max_positions)


def max_daily_trades(budget: Budget, limits: DailyLimits) -> Check:
    """Count the session's orders after this one. Sells count too, but only entries are ever refused by it."""
    return _at_most("max_daily_trades", budget.trades + 1, limits.max_daily_trades)


def edge(weight: float) -> Check:
    """Bet only where the odds are better than a fair bet's."""
    return Check(rule="no_edge", limit="above 0%", observed=f"{weight:.3%}", passed=weight > 0)


def min_position(weight: float, sizing: PositionSizing) -> Check:
    """Take no position too small to matter."""
    limit = sizing.min_position_pct
    passed = limit is None or weight >= limit
    allowed = OFF if limit is None else f"{limit:.3%}"
    return Check(rule="min_position_pct", limit=allowed, observed=f"{weight:.3%}", passed=passed)


def max_position(budget: Budget, notional: Decimal, caps: Caps) -> Check:
    """Keep one position within its share of equity."""
    return _within("max_position_pct", notional, caps.position, budget.equity)


def max_exposure(budget: Budget, notional: Decimal, caps: Caps) -> Check:
    """Keep the whole portfolio within what the limit and the regime allow."""
    return _within("max_exposure_pct", budget.invested + notional, caps.exposure, budget.equity)


def max_sector(budget: Budget, symbol: str, notional: Decimal, caps: Caps) -> Check:
    """Keep one sector within its share of equity."""
    return _within("max_sector_pct", budget.sector_value(symbol) + notional, caps.sector, budget.equity)


def buying_power(budget: Budget, notional: Decimal) -> Check:
    """Pay from cash at hand, costs included: no margin, no sale that has not filled."""
    cost = budget.cost_of(notional)
    return Check(
        rule="buying_power",
        limit=f"${budget.cash:.2f}",
        observed=f"${cost:.2f}",
        passed=notional > 0 and cost <= budget.cash,
    )


def min_order(quantity: Decimal, notional: Decimal, limits: PortfolioLimits) -> Check:
    """Send no order that is too small, or that rounding down left without a share."""
    usd, limit = to_cents(notional), limits.min_order_usd
    passed = quantity > 0 and (limit is None or usd >= limit)
    allowed = "above $0" if limit is None else f"${limit:.2f}"
    return Check(rule="min_order_usd", limit=allowed, observed=f"${usd}", passed=passed)


def wash_sale(symbol: str, disallowed_usd: Decimal, mode: str) -> Iterator[Check]:
    """Buy nothing back within 30 days of a sale at a loss, or say what it costs: that loss does not count now.

    Nothing is yielded where nothing is disallowed.

    Parameters
    ----------
    mode : str
        `off`, `warn` or `refuse`.
    """
    if mode == OFF or not disallowed_usd:
        return
    observed = f"buying back {symbol} within 30 days disallows {disallowed_usd:,.2f} USD of tax loss"
    limit = "no purchase within 30 days of a sale at a loss"
    yield Check(rule=WASH_SALE, limit=limit, observed=observed, passed=mode == WARN)


def replaced_sale(symbol: str, quantity: Decimal, sale: ReplacedSale | None, mode: str) -> Iterator[Check]:
    """Sell no part at a loss while shares bought within 30 days stay, or say what it costs.

    Nothing is yielded where nothing is disallowed. The prices are the decision's, before fees.

    Parameters
    ----------
    sale : ReplacedSale or None
        What the sale would lose for the tax.
    mode : str
        `off`, `warn` or `refuse`.
    """
    if mode == OFF or sale is None:
        return
    observed = (
        f"selling {quantity.normalize():f} {symbol} at a loss of {sale.loss_usd:,.2f} USD while "
        f"{sale.staying.normalize():f} bought on {sale.bought} stay: {sale.disallowed_usd:,.2f} USD of tax loss "
        "is disallowed"
    )
    limit = "no sale of a part at a loss within 30 days of a purchase that stays"
    yield Check(rule=WASH_SALE, limit=limit, observed=observed, passed=mode == WARN)


def _at_most(rule: str, count: int, limit: int | None) -> Check:
    allowed = OFF if limit is None else str(limit)
    return Check(rule=rule, limit=allowed, observed=str(count), passed=limit is None or count <= limit)


def _within(rule: str, usd: Decimal, cap: Cap | None, equity: Decimal) -> Check:
    allowed = OFF if cap is None else cap.label
    return Check(rule=rule, limit=allowed, observed=_share(usd, equity), passed=cap is None or usd <= cap.usd)


def _share(usd: Decimal, equity: Decimal) -> str:
    return f"{float(usd) / float(equity):.3%}" if equity > 0 else f"${usd:.2f} of no equity"
