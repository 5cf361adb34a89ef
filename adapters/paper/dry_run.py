"""The broker that trades nothing: orders go nowhere and are called what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.brackets import Bracket
from core.trading import ZERO
from core.types import ApprovedOrder, MarketView, Order, OrderStatus, Portfolio, Settlement


def empty_account() -> Portfolio:
    """Give an account with nothing in it."""
    return Portfolio(cash=ZERO)


class DryRunBroker:
    """Implements `core.ports.Broker` by answering `dry_run` to every order and keeping nothing.

    Parameters
    ----------
    name : str
        What is shown as the broker.
    account : callable
        Reads the account the orders would have gone to.
    """

    def __init__(self, name: str, account: Callable[[], Portfolio] = empty_account) -> None:
        self.name = name
        self._account = account

    def settle(self, view: MarketView) -> Settlement:  # noqa: ARG002  nothing trades on any view
        """Give nothing: nothing was sent."""
        return Settlement()

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        """Send nothing and say so."""
        return {approval.order.client_order_id: OrderStatus.DRY_RUN.value for approval in approved}

    def protect(self, protections: Sequence[Bracket]) -> None:
        """Nothing is held, so nothing needs a bracket."""

    def cancel(self, client_order_id: str) -> str:  # noqa: ARG002  no order was ever sent
        """Nothing was sent, so nothing is open."""
        return OrderStatus.DRY_RUN.value

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Nothing was given, so nothing is to be noted."""

    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        """Give `dry_run` for each order."""
        return dict.fromkeys(client_order_ids, OrderStatus.DRY_RUN.value)

    def doubtful_orders(self) -> frozenset[str]:
        """Return none: nothing gets lost on the way."""
        return frozenset()

    def reason(self, client_order_id: str) -> str:  # noqa: ARG002  no order was ever sent
        """Say nothing: `dry_run` says it all."""
        return ""

    def open_orders(self) -> tuple[Order, ...]:
        """Give none: nothing was sent."""
        return ()

    def account(self) -> Portfolio:
        """Give the account the orders would have gone to."""
        return self._account()
