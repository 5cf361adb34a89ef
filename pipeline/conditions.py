"""The portfolio under the account's conditions: of what is missing at the broker nothing is decided. Pure."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET
from msgspec.structs import replace

from core.account_conditions import NO_CONDITIONS, AccountConditions
from core.trading import ZERO
from core.types import Portfolio


def with_conditions(portfolio: Portfolio, conditions: AccountConditions) -> Portfolio:
    """Return the portfolio with these conditions; none at all are left out of its JSON."""
    found = UNSET if conditions == NO_CONDITIONS else conditions
    return portfolio if portfolio.conditions == found else replace(portfolio, conditions=found)


def without_missing(portfolio: Portfolio) -> Portfolio:
    """Return the portfolio as the ledger has it: with the shares that are missing at the broker."""
    positions = portfolio.positions_with_missing
    frozen = portfolio.account.frozen
    value = sum(
        (frozen[name].missing * held.last_price for name, held in positions.items() if name in frozen), ZERO
    )
    return shifted(replace(portfolio, positions=positions), value) if value else portfolio


def under_conditions(whole: Portfolio, conditions: AccountConditions) -> Portfolio:
    """Return the portfolio with only what the account holds of it.

    Shares that are missing were neither sold nor lost by trading: what losses are measured against moves with
    them, as with a withdrawal, and back when they are explained.

    Parameters
    ----------
    whole : Portfolio
        As the ledger has it (`without_missing`).
    """
    positions, value = dict(whole.positions), ZERO
    for symbol, frozen in conditions.frozen.items():
        held = positions.get(symbol)
        if held is None or not frozen.missing:
            continue
        missing = min(frozen.missing, held.quantity)
        value += missing * held.last_price
        if missing < held.quantity:
            positions[symbol] = replace(held, quantity=held.quantity - missing)
        else:
            del positions[symbol]
    conditioned = with_conditions(whole, conditions)
    return shifted(replace(conditioned, positions=positions), -value) if value else conditioned


def shifted(portfolio: Portfolio, flow: Decimal) -> Portfolio:
    """Scale the equities that losses are measured against by a flow that is in the portfolio already."""
    after = portfolio.equity
    before = after - flow
    if before <= 0 or after <= 0:
        return replace(portfolio, session_open_equity=after, peak_equity=after, last_equity=after).rebased()
    return replace(
        portfolio,
        session_open_equity=portfolio.session_open_equity * after / before,
        peak_equity=portfolio.peak_equity * after / before,
        last_equity=portfolio.last_equity * after / before,
        session_base=UNSET if portfolio.session_base is UNSET else portfolio.session_base * after / before,
        peak_base=UNSET if portfolio.peak_base is UNSET else portfolio.peak_base * after / before,
    )


def with_faults(portfolio: Portfolio, *, reduced: bool) -> Portfolio:
    """Return the portfolio that says whether failed steps alone made the state REDUCING."""
    if portfolio.account.reduced_by_faults == reduced:
        return portfolio
    return with_conditions(portfolio, replace(portfolio.account, reduced_by_faults=reduced))
