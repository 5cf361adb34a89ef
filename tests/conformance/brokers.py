"""What every broker must keep to, law by law; an author runs `check_broker` on his own.

A broker is handed over as a `BrokerUnderTest`: with what records an order before it is sent, and what lets the
market go on so that open orders may fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from config.plugins import OUR_PLUGINS
from core.plugins import find_plugins
from core.ports import Broker
from core.types import Fill, Order, Settlement, Side

PRICE = Decimal(100)
CENT = Decimal("0.02")
ROUNDS_MAX = 20


@dataclass(kw_only=True)
class BrokerUnderTest:
    """A broker with what a suite moves.

    Attributes
    ----------
    send : callable
        Records orders as the ledger does, and submits them.
    go_on : callable
        Lets the market trade until its next moment.
    settle : callable
        Settles on the view of now.
    fee_bps : Decimal
        What the broker takes of a trade's value beside its price.
    """

    broker: Broker
    send: Callable[[Sequence[Order]], Mapping[str, str]]
    go_on: Callable[[], None]
    settle: Callable[[], Settlement]
    fee_bps: Decimal = Decimal(0)
    booked: list[Fill] = field(default_factory=list)

    def traded(self, rounds: int = ROUNDS_MAX) -> list[Fill]:
        """Let the market go on until nothing is open; book each fill once and acknowledge it."""
        for _ in range(rounds):
            self.go_on()
            settlement = self.settle()
            self.booked += settlement.fills
            self.broker.acknowledge(settlement.ids)
            if not self.broker.open_orders():
                break
        return self.booked


def order(name: str, quantity: str = "10", side: Side = Side.BUY) -> Order:
    return Order(
        client_order_id=name, decision_id="d", symbol="AAPL", side=side, quantity=Decimal(quantity),
        reference_price=PRICE, rule="score",
    )  # fmt: skip


def an_order_sent_twice_trades_once(tested: BrokerUnderTest) -> None:
    tested.send([order("a")])
    tested.send([order("a")])
    fills = tested.traded()
    assert sum(fill.quantity for fill in fills) == 10
    assert tested.broker.account().positions["AAPL"].quantity == 10


def fills_add_up_to_the_order_and_to_the_account(tested: BrokerUnderTest) -> None:
    before = tested.broker.account().cash
    tested.send([order("a", "7")])
    fills = tested.traded()
    assert {fill.client_order_id for fill in fills} == {"a"}
    assert sum(fill.quantity for fill in fills) == 7
    account = tested.broker.account()
    assert account.positions["AAPL"].quantity == 7
    value = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
    assert abs(before - account.cash - value * (1 + tested.fee_bps / 10_000)) <= CENT


def a_fill_is_given_until_it_is_acknowledged_and_never_after(tested: BrokerUnderTest) -> None:
    tested.send([order("a")])
    found: Settlement | None = None
    for _ in range(ROUNDS_MAX):
        tested.go_on()
        found = tested.settle()
        if found.fills:
            break
    assert found is not None
    assert found.fills
    again = tested.settle()
    assert {fill.fill_id for fill in found.fills} <= {fill.fill_id for fill in again.fills}
    tested.broker.acknowledge(again.ids)
    seen = {fill.fill_id for fill in again.fills}
    assert not seen & {fill.fill_id for fill in tested.settle().fills}


def an_order_never_taken_has_no_status(tested: BrokerUnderTest) -> None:
    tested.send([order("a")])
    statuses = tested.broker.statuses(["a", "never"])
    assert "a" in statuses
    assert "never" not in statuses


def a_cancelled_order_does_not_trade(tested: BrokerUnderTest) -> None:
    tested.send([order("a")])
    tested.broker.cancel("a")
    fills = tested.traded()
    assert sum(fill.quantity for fill in fills) == 0
    assert not tested.broker.open_orders()
    assert not tested.broker.account().positions


def what_is_open_is_listed_until_it_has_traded(tested: BrokerUnderTest) -> None:
    tested.send([order("a"), order("b", "5")])
    tested.settle()
    assert {each.client_order_id for each in tested.broker.open_orders()} == {"a", "b"}
    tested.traded()
    assert tested.broker.open_orders() == ()


LAWS: tuple[Callable[[BrokerUnderTest], None], ...] = (
    an_order_sent_twice_trades_once,
    fills_add_up_to_the_order_and_to_the_account,
    a_fill_is_given_until_it_is_acknowledged_and_never_after,
    an_order_never_taken_has_no_status,
    a_cancelled_order_does_not_trade,
    what_is_open_is_listed_until_it_has_traded,
)
"""Each is given a broker of its own that holds nothing and has no open order."""


def broken_laws(make: Callable[[], BrokerUnderTest]) -> list[str]:
    """Return the names of the laws that a broker breaks; `make` gives a new one for each."""
    broken = []
    for law in LAWS:
        try:
            law(make())
        except AssertionError:
            broken.append(law.__name__)
    return broken


def registered_cases(user: Path) -> Mapping[str, Callable[[], BrokerUnderTest]]:
    """Return, by name, how the registered brokers are tested that say it: by a static method `under_test`.

    Only its author knows how the market of a broker is moved, so one without it is tested by a test of his own.
    """
    found = find_plugins("brokers", OUR_PLUGINS["brokers"], user).all
    loaded = {plugin.name: plugin.load() for plugin in found if not plugin.is_built_in}
    return {name: made.under_test for name, made in loaded.items() if hasattr(made, "under_test")}
