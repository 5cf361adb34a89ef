"""The fills by which a corporate action exchanges shares: they cost nothing, and leave cash right to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from core.corporate_actions import NOTHING, CorporateAction
from core.money import PRICE_TICK, to_cents, to_price
from core.orders import Fill, Side
from core.times import opening

EXCHANGE_TICK = Decimal("0.0000000001")
"""Fine enough that no number of shares makes a cent of what is rounded away."""


def action_fill(
    action: CorporateAction, symbol: str, side: Side, quantity: Decimal, price: Decimal, *, rule: str, name: str
) -> Fill:
    """Return a fill of an action, at the opening of its ex-date and at no fee."""
    return Fill(
        fill_id=name, client_order_id="", symbol=symbol, side=side, quantity=quantity, price=price, fee=NOTHING,
        at=opening(action.ex_date), rule=rule,
    )  # fmt: skip


def exchange_fills(
    action: CorporateAction, held: Decimal, received: Decimal, each: Decimal, cash: Decimal
) -> tuple[Fill, ...]:
    """Return the sale of the old shares at what they became, and the purchase of that.

    Parameters
    ----------
    held, received : Decimal
        Old shares that go; shares of `new_symbol` that come.
    each : Decimal
        What a new share is worth, US dollars.
    cash : Decimal
        What is paid beside them, US dollars to the cent: what cash changes by.
    """
    rule = action.kind.value
    value = ((to_cents(received * each) + cash) / held).quantize(EXCHANGE_TICK, ROUND_HALF_EVEN)
    sold = action_fill(action, action.symbol, Side.SELL, held, value, rule=rule, name=f"{action.action_id}-sell")
    return (sold, bought_with(action, received, each)) if received else (sold,)


def bought_with(action: CorporateAction, received: Decimal, each: Decimal) -> Fill:
    """Return the purchase of the shares that an action brought."""
    name = f"{action.action_id}-{Side.BUY.value}"
    return action_fill(action, action.new_symbol, Side.BUY, received, each, rule=action.kind.value, name=name)


def new_share_price(action: CorporateAction, new: float | None, old: float | None) -> Decimal | None:
    """Return the price of a new share: its own, else what the old one's leaves; None where neither is known."""
    if new is not None:
        return to_price(new)
    if old is None or to_price(old) <= action.cash_per_share:
        return None
    return ((to_price(old) - action.cash_per_share) / action.ratio).quantize(PRICE_TICK)
