"""Corporate actions on the paper broker's account: shares, cash, brackets and open orders after them.

Every action is booked once, before anything trades on a view, since the view's bars and quotes are in shares of
after it. A share bought at or after the opening of the ex-date has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from msgspec.structs import replace

from adapters.paper.account import PaperAccount
from adapters.paper.store import Changes, PaperOrder
from core.action_fills import action_fill, bought_with, exchange_fills, new_share_price
from core.brackets import Bracket
from core.corporate_actions import EXCHANGED, ONE, ActionKind
from core.money import to_cents, to_price
from core.orders import CASH_IN_LIEU, SPLIT
from core.times import opening
from core.trading import ZERO
from core.types import CashKind, CashMovement, CorporateAction, Fill, MarketView, OrderStatus, Side

PutOrder = Callable[[PaperOrder], None]


class ActionBooker:
    """Books the corporate actions of a view.

    Parameters
    ----------
    put : callable
        Takes an order as it stands after an action.
    fractional : bool
        Whether a fraction of a share may be held; where not, it is paid for in cash.
    """

    def __init__(self, account: PaperAccount, changes: Changes, put: PutOrder, *, fractional: bool) -> None:
        self._account = account
        self._changes = changes
        self._put = put
        self._fractional = fractional

    def apply(self, view: MarketView, orders: Sequence[PaperOrder]) -> None:
        """Book what is new of the view's actions: splits first, since its dividends are in today's shares."""
        account = self._account
        concerned = {*account.changes, *(kept.order.symbol for kept in orders)}
        fresh = [a for a in view.actions if a.symbol in concerned and a.action_id not in account.actions_booked]
        for action in sorted(fresh, key=lambda action: (action.kind is not ActionKind.SPLIT, action.ex_date)):
            if self._is_booked(action, view, orders):
                account.actions_booked[action.action_id] = action.ex_date
                self._changes.account = True

    def _is_booked(self, action: CorporateAction, view: MarketView, orders: Sequence[PaperOrder]) -> bool:
        """Book an action on the shares held before it; False where a price that it needs is still missing."""
        held = self._account.held_before(action.symbol, opening(action.ex_date))
        if action.kind is ActionKind.SPLIT:
            self._scale_orders(action, orders)
        elif action.kind in EXCHANGED:
            self._cancel_orders(action, orders)
        if held <= 0:
            return True
        booked = self._apply(action, held, view)
        if booked is not None:
            self._changes.actions.append(booked)
        return booked is not None

    def _apply(self, action: CorporateAction, held: Decimal, view: MarketView) -> CorporateAction | None:
        match action.kind:
            case ActionKind.SPLIT:
                return self._split(action, held, view)
            case ActionKind.DIVIDEND:
                return self._pay(action, held, to_cents(held * action.cash_per_share))
            case ActionKind.SPIN_OFF:
                return self._spin_off(action, held, view)
            case _:
                return self._exchange(action, held, view)

    def _split(self, action: CorporateAction, held: Decimal, view: MarketView) -> CorporateAction:
        change = action.shares(held) - held
        self._account.split(action.symbol, change, opening(action.ex_date))
        self._rescale(action)
        if change:
            side = Side.BUY if change > 0 else Side.SELL
            self._changes.fills.append(
                action_fill(action, action.symbol, side, abs(change), ZERO, rule=SPLIT, name=action.action_id)
            )
        if not self._fractional:
            self._sell_fraction(action, view)
        return action

    def _sell_fraction(self, action: CorporateAction, view: MarketView) -> None:
        """Pay for the fraction of a share in cash, at the price of now: it could never be sold by an order."""
        shares = self._account.held(action.symbol)
        fraction, price = shares - shares.quantize(ONE, ROUND_DOWN), view.price(action.symbol)
        if fraction and price is not None:
            name = f"{action.action_id}-{Side.SELL.value}"
            self._trade(
                action_fill(
                    action, action.symbol, Side.SELL, fraction, to_price(price), rule=CASH_IN_LIEU, name=name
                )
            )

    def _pay(self, action: CorporateAction, held: Decimal, amount: Decimal) -> CorporateAction:
        self._account.cash += amount
        self._rescale(action)
        self._changes.movements.append(
            CashMovement(
                movement_id=action.action_id,
                kind=CashKind.DIVIDEND,
                symbol=action.symbol,
                amount=amount,
                at=opening(action.ex_date),
                note=f"{action.description}: {held:f} shares",
            )
        )
        return action

    def _spin_off(self, action: CorporateAction, held: Decimal, view: MarketView) -> CorporateAction | None:
        """Book shares of another company as a dividend in kind: paid at their price, and bought with it."""
        price = view.price(action.new_symbol)
        if price is None:
            return None
        each, shares = to_price(price), action.shares(held)
        in_kind = replace(action, cash_per_share=action.ratio * each + action.cash_per_share)
        paid = self._pay(in_kind, held, to_cents(shares * each) + to_cents(held * action.cash_per_share))
        if shares:
            self._trade(bought_with(action, shares, each))
        return paid

    def _exchange(self, action: CorporateAction, held: Decimal, view: MarketView) -> CorporateAction | None:
        """Sell the old shares at what they became, and buy that: other shares, cash, or nothing."""
        prices = view.price(action.new_symbol), view.price(action.symbol)
        each = new_share_price(action, *prices) if action.new_symbol else ZERO
        if each is None:
            return None
        shares = action.shares(held) if action.new_symbol else ZERO
        for fill in exchange_fills(action, held, shares, each, to_cents(held * action.cash_per_share)):
            self._trade(fill)
        return action

    def _trade(self, fill: Fill) -> None:
        """Trade at no cost what an action exchanges."""
        self._changes.fills.append(fill)
        self._account.apply_fill(fill)
        if not self._account.held(fill.symbol):
            self._account.brackets.pop(fill.symbol, None)

    def _rescale(self, action: CorporateAction) -> None:
        """Let cost, last price and bracket of a holding be in prices of after the action."""
        factor, bracket = action.price_factor, self._account.brackets.get(action.symbol)
        holding = self._account.holdings.get(action.symbol)
        if holding is not None:
            holding.last_price *= factor
            if action.kind is not ActionKind.SPLIT:
                holding.cost *= factor
        if bracket is not None:
            self._account.brackets[action.symbol] = _rescaled(bracket, factor)

    def _scale_orders(self, action: CorporateAction, orders: Sequence[PaperOrder]) -> None:
        for kept in _open_before(action, orders):
            quantity = action.shares(kept.order.quantity)
            order = replace(
                kept.order, quantity=quantity, reference_price=action.price(kept.order.reference_price)
            )
            if quantity:
                self._put(replace(kept, order=order))
            else:
                self._put(
                    replace(kept, status=OrderStatus.CANCELLED, reason=f"nothing is left: {action.description}")
                )

    def _cancel_orders(self, action: CorporateAction, orders: Sequence[PaperOrder]) -> None:
        for kept in _open_before(action, orders):
            self._put(replace(kept, status=OrderStatus.CANCELLED, reason=action.description))


def _open_before(action: CorporateAction, orders: Sequence[PaperOrder]) -> list[PaperOrder]:
    at = opening(action.ex_date)
    return [kept for kept in orders if kept.order.symbol == action.symbol and kept.submitted_at < at]


def _rescaled(bracket: Bracket, factor: Decimal) -> Bracket:
    peak = bracket.peak_price
    return replace(bracket, atr=bracket.atr * factor, peak_price=peak * factor if peak is not None else None)
