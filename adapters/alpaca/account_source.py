"""The Alpaca account beside the engine's own trading: cash, shares, a person's orders, what restricts it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal

from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.orders import decimal_of, foreign_order, number, readable, shares_of
from adapters.alpaca.pre_trade_rules import restriction_of
from adapters.alpaca.shares_there import fired_shares
from adapters.alpaca.trade_updates import TradeUpdates
from adapters.alpaca.trading_client import AlpacaApi, JsonObject, JsonObjects
from core.reconciliation import AccountState
from core.trading import ZERO

UNLISTED_MAX = Decimal("0.05")
"""Share of what an account says it holds that may be missing of its list: prices move between two requests."""


@dataclass(frozen=True, kw_only=True)
class AlpacaAccount:
    """Implements `core.reconciliation.AccountSource`: three requests each; the rest is polled by every step."""

    api: AlpacaApi
    tracker: OrderTracker
    activities: AccountActivities
    stream: TradeUpdates | None = None

    @readable()
    def cash(self) -> Decimal:
        """Ask for the account's cash."""
        return decimal_of(self.api.account()["cash"])

    @readable()
    def account_state(self) -> AccountState:
        """Ask for cash, shares and what restricts the account, then for what rests: it may have fired."""
        account, rows = self.api.account(), self.api.positions()
        return AccountState(
            cash=decimal_of(account["cash"]),
            shares={str(row["symbol"]): shares for row in rows if (shares := shares_of(row))},
            foreign_orders=tuple(foreign_order(row) for row in self.tracker.foreign),
            foreign_fills=self.tracker.foreign_fills,
            restricted=restriction_of(account),
            fired=fired_shares(self.api, self.tracker),
            notices=self.activities.notices,
            incomplete=_incomplete(account, rows),
        )

    def signs(self) -> Hashable:
        """Return whose orders and fills are listed, which odd activities, and whether the stream is up."""
        return (
            tuple(str(row["id"]) for row in self.tracker.foreign),
            tuple(fill.fill_id for fill in self.tracker.foreign_fills),
            tuple(self.activities.notices),
            self.stream is not None and self.stream.connected,
        )


def _incomplete(account: JsonObject, rows: JsonObjects) -> str:
    """Return why a list of positions may lack some; empty when it adds up to what the account says it holds."""
    worth = number(account, "long_market_value")
    listed = sum((max(number(row, "market_value"), ZERO) for row in rows), ZERO)
    if worth - listed <= UNLISTED_MAX * worth:
        return ""
    return f"Alpaca's account says that it holds {worth:.2f} USD in shares and lists {listed:.2f} USD of them"
