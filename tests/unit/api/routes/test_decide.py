"""A decision's orders, as GET /decisions/ID shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from api.routes.decide import recorded
from api.schemas.decision import DecisionAnswer
from core.service import Service
from tests.ledger_rows import DECIDES, ledger_of, report


def service_of(ledger: Any) -> Service:
    """Return all of a service that reading orders needs."""
    return cast(Service, SimpleNamespace(ledger=ledger))


def test_an_old_decisions_orders_have_their_status_behind_600_newer_ones() -> None:
    old = report(0, DECIDES, ("AAPL", "MSFT"))
    ledger = ledger_of([old, *(report(number, DECIDES, ("NVDA",)) for number in range(1, 601))])
    ledger.update_status({"step-0-AAPL": "filled"})
    assert len(ledger.orders(500)) == 500
    answer = DecisionAnswer.of_report(old, recorded(service_of(ledger), old))
    assert {order.ticker: order.status for order in answer.orders} == {"AAPL": "filled", "MSFT": "proposed"}


def test_a_decision_without_orders_has_none() -> None:
    calm = report(0, DECIDES)
    assert recorded(service_of(ledger_of([calm])), calm) == {}
