"""The paper broker and Alpaca's adapter pass the same suite, and a broken broker of each kind does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from config.broker import BrokerSettings
from config.loader import FOLDER
from config.plugins import user_folder
from core.types import ApprovedOrder, MarketView, Order, OrderStatus, Portfolio, Settlement
from tests.conformance.brokers import LAWS, BrokerUnderTest, broken_laws, registered_cases
from tests.integration.test_alpaca_broker import OPEN, trading_on, view
from tests.servers.alpaca_broker import AlpacaBroker as StandIn
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.unit.adapters.paper.test_broker import HandClock, at_close, closing

SETTINGS = BrokerSettings(initial_cash_usd=100_000, spread_bps=3, slippage_bps=2, fee_bps=10)


@dataclass
class Sessions:
    """A paper broker that lives through closes."""

    broker: PaperBroker
    clock: HandClock
    day: int = 0

    def view(self) -> MarketView:
        self.clock.at = closing(self.day)
        return at_close(self.day)

    def go_on(self) -> None:
        self.day = min(self.day + 1, 4)

    def tested(self, broker: Any = None) -> BrokerUnderTest:
        used = broker or self.broker
        return BrokerUnderTest(
            broker=used,
            send=lambda orders: used.submit([ApprovedOrder(order=each, weight=0.1) for each in orders]),
            go_on=self.go_on,
            settle=lambda: used.settle(self.view()),
            fee_bps=Decimal(10),
        )


def paper() -> Sessions:
    clock = HandClock(closing(0))
    opened = Sessions(PaperBroker(SETTINGS, clock, InMemoryPaperStore()), clock)
    opened.broker.settle(opened.view())
    return opened


class Toy:
    """The paper broker behind a hand that may be wrong."""

    name = "toy"

    def __init__(self, broker: PaperBroker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


class SendsTwice(Toy):
    """Gives an order a name of its own each time it is sent."""

    sent = 0

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        self.sent += 1
        renamed = [
            replace(
                one, order=replace(one.order, client_order_id=one.order.client_order_id + "!" * (self.sent - 1))
            )
            for one in approved
        ]
        return self._broker.submit(renamed)


class LosesCash(Toy):
    """Shows less cash than there is after a trade."""

    def account(self) -> Portfolio:
        held = self._broker.account()
        return replace(held, cash=held.cash - 1) if held.positions else held


class ForgetsAcknowledgement(Toy):
    """Gives fills again and again."""

    def acknowledge(self, ids: Sequence[str]) -> None:
        del ids


class KnowsEverything(Toy):
    """Has a status for orders it never took."""

    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(client_order_ids, OrderStatus.FILLED.value) | dict(
            self._broker.statuses(client_order_ids)
        )


class IgnoresCancel(Toy):
    """Says that it cancelled, and trades."""

    def cancel(self, client_order_id: str) -> str:
        del client_order_id
        return OrderStatus.CANCELLED.value


class Overfills(Toy):
    """Reports one share more than was ordered."""

    def settle(self, view: MarketView) -> Settlement:
        found = self._broker.settle(view)
        return replace(found, fills=tuple(replace(fill, quantity=fill.quantity + 1) for fill in found.fills))


class HidesOpenOrders(Toy):
    """Never lists what is open."""

    def open_orders(self) -> tuple[Order, ...]:
        return ()


FAULTS: Mapping[type[Toy], str] = {
    SendsTwice: "an_order_sent_twice_trades_once",
    LosesCash: "fills_add_up_to_the_order_and_to_the_account",
    ForgetsAcknowledgement: "a_fill_is_given_until_it_is_acknowledged_and_never_after",
    KnowsEverything: "an_order_never_taken_has_no_status",
    IgnoresCancel: "a_cancelled_order_does_not_trade",
    Overfills: "fills_add_up_to_the_order_and_to_the_account",
    HidesOpenOrders: "what_is_open_is_listed_until_it_has_traded",
}


def test_the_paper_broker_keeps_every_law() -> None:
    assert broken_laws(lambda: paper().tested()) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_broken_broker_fails_the_law_it_breaks(fault: type[Toy]) -> None:
    def made() -> BrokerUnderTest:
        opened = paper()
        return opened.tested(fault(opened.broker))

    assert FAULTS[fault] in broken_laws(made)


USERS = registered_cases(user_folder(FOLDER))
BANK = """
from adapters.paper.broker import PaperBroker


class Bank(PaperBroker):
    name = "bank"
    is_paper = True

    @staticmethod
    def under_test():
        from tests.conformance.test_brokers import paper

        opened = paper()
        opened.broker.__class__ = Bank
        return opened.tested()
"""


@pytest.mark.parametrize("name", sorted(USERS))
def test_a_registered_broker_that_says_how_keeps_every_law(name: str) -> None:
    assert broken_laws(USERS[name]) == []


def test_a_broker_in_the_users_folder_is_found_and_tested(tmp_path: Path) -> None:
    (tmp_path / "brokers").mkdir()
    (tmp_path / "brokers" / "bank.py").write_text(BANK)
    (tmp_path / "brokers" / "mute.py").write_text(BANK.replace("bank", "mute").replace("under_test", "nothing"))
    cases = registered_cases(tmp_path)
    assert set(cases) == {"bank"}
    assert broken_laws(cases["bank"]) == []
    assert type(cases["bank"]().broker).__name__ == "Bank"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_alpacas_adapter_keeps_every_law_on_the_stand_in(law: Any, opened: ExitStack) -> None:
    stand_in = StandIn(now=OPEN, prices={"AAPL": Decimal(100), "MSFT": Decimal(400)})
    trading = opened.enter_context(trading_on(stand_in))
    stand_in.faults.plan = FaultPlan(waits=1.0)
    trading.broker.settle(_now(trading))

    def go_on() -> None:
        trading.tick(minutes=5)

    law(
        BrokerUnderTest(
            broker=trading.broker,
            send=lambda orders: trading.send_all(list(orders)),
            go_on=go_on,
            settle=lambda: trading.broker.settle(_now(trading)),
        )
    )


def _now(trading: Any) -> MarketView:
    return view(trading.stand_in.book.now)
