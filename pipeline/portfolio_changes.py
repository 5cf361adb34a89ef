"""A settlement into the portfolio: fills, corporate actions and cash movements. Pure, exact in Decimal."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from core.corporate_actions import ONE, ActionKind
from core.errors import InvariantError
from core.types import CashMovement, CorporateAction, Fill, Portfolio, Settlement
from pipeline.conditions import shifted
from pipeline.fills import SessionOf, apply_fills


def apply_settlement(portfolio: Portfolio, settlement: Settlement, session_of: SessionOf) -> Portfolio:
    """Return the portfolio after a settlement that was not booked before.

    Fills and actions take effect in order of their sessions, an action before the fills of its ex-date: shares
    bought on that day are bought without the dividend.

    Parameters
    ----------
    session_of : callable
        The session that a moment (UTC) belongs to.

    Raises
    ------
    core.errors.InvariantError
        When something comes twice, or a fill sells more than is held.
    """
    waiting = sorted(settlement.actions, key=lambda action: action.ex_date)
    fills: list[Fill] = []
    for fill in settlement.fills:
        while waiting and waiting[0].ex_date <= session_of(fill.at):
            portfolio = adjust_reference_prices(apply_fills(portfolio, fills, session_of), waiting.pop(0))
            fills = []
        fills.append(fill)
    portfolio = apply_fills(portfolio, fills, session_of)
    for action in waiting:
        portfolio = adjust_reference_prices(portfolio, action)
    return apply_cash(portfolio, settlement.cash_movements)


def adjust_reference_prices(portfolio: Portfolio, action: CorporateAction) -> Portfolio:
    """Lower what a holding is measured against by a payment that its price no longer contains.

    Entry, peak and last price are multiplied by 1 - dividend / last close before it, as vendors adjust theirs: a
    share that falls by its dividend sets off no stop, and equity between the payment and the next price is right.
    The share change of a split does this with its fill.
    """
    held = portfolio.positions.get(action.symbol)
    if held is None or action.kind is ActionKind.SPLIT or action.price_factor == ONE:
        return portfolio
    return portfolio.with_position(
        replace(
            held,
            average_price=held.average_price * action.price_factor,
            peak_price=held.peak_price * action.price_factor,
            last_price=held.last_price * action.price_factor,
        )
    )


def apply_cash(portfolio: Portfolio, movements: Sequence[CashMovement]) -> Portfolio:
    """Return the portfolio after cash movements.

    Dividends, interest and fees are performance. A deposit or withdrawal is none: what the session's return, the
    drawdown and the breakers are measured against moves with it, so that all stay what they were.

    Raises
    ------
    core.errors.InvariantError
        When a movement comes twice.
    """
    if len({movement.movement_id for movement in movements}) != len(movements):
        raise InvariantError("A cash movement was to be booked twice.")
    for movement in movements:
        portfolio = replace(portfolio, cash=portfolio.cash + movement.amount)
        if movement.is_external:
            portfolio = shifted(portfolio, movement.amount)
    return portfolio
