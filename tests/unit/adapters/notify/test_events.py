"""What a person is told of each event: what happened, what it means for the money, what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.notify.events import EventTranslator
from core.events import TOPICS
from core.notifications import Notification, NotificationLevel

AT = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)
INFO, WARNING, CRITICAL = NotificationLevel
FILL = {
    "client_order_id": "d-KO-sell", "ticker": "KO", "side": "sell", "quantity": "12", "price": "61.20",
    "fee": "0.40", "rule": "stop_loss", "fill_id": "f1", "at": AT.isoformat(),
}  # fmt: skip
HELD = {"positions": {"KO": {"quantity": "12", "average_price": "63.00", "last_price": "61.20"}}}
ORDER = {"client_order_id": "d-KO-sell", "ticker": "KO", "side": "sell", "quantity": "12", "rule": "score"}


def tell(topic: str, **data: Any) -> Notification | None:
    return EventTranslator().notification(topic, AT, data)


def told(topic: str, **data: Any) -> Notification:
    found = tell(topic, **data)
    assert found is not None
    return found


def test_a_letter_is_told_in_its_short_text_and_has_the_key_of_its_session() -> None:
    found = told("letter.written", session="2025-06-30", text="Letter of 2025-06-30: all well")
    assert (found.key, found.level) == ("letter:2025-06-30", INFO)
    assert found.text == "Letter of 2025-06-30: all well"


def test_a_sale_says_what_it_lost_and_why() -> None:
    translator = EventTranslator()
    translator.notification("portfolio.update", AT, HELD)
    found = translator.notification("order.filled", AT, FILL)
    assert found is not None
    assert found.text == "Sold 12 KO at 61.20 USD: 734.40 USD, a loss of 22.00 USD. Why: stop loss."
    assert (found.key, found.level, found.cause) == ("fill:f1", INFO, "")
    bought = told("order.filled", **{**FILL, "side": "buy", "rule": ""})
    assert bought.text == "Bought 12 KO at 61.20 USD: 734.40 USD."


def test_a_refused_sale_is_told_and_a_refused_entry_is_not() -> None:
    refused = {"ticker": "KO", "rule": "position_held", "limit": "a position", "observed": "none"}
    assert tell("order.refused", side="buy", **refused) is None
    sale = told("order.refused", side="sell", **refused)
    assert sale.level is WARNING
    assert sale.text.startswith("The sale of KO was refused: position held (allowed: a position; found: none).")
    assert "stays open" in sale.text
    broker = told("order.refused", **{**ORDER, "side": "buy", "rule": "broker", "reason": "<b>no</b> funds"})
    assert "the broker says: no funds" in broker.text


def test_orders_that_ended_say_how_and_why() -> None:
    expired = told("order.expired", **ORDER, reason="at the close")
    assert expired.text.startswith("The order to sell 12 KO expired (at the close).")
    assert expired.level is WARNING
    cancelled = told("order.cancelled", **{**ORDER, "side": "buy"}, reason="")
    assert cancelled.text.startswith("The order to buy 12 KO was cancelled. What was not bought costs nothing")
    assert tell("order.submitted", **ORDER) is None


@pytest.mark.parametrize(("state", "level"), [("halted", CRITICAL), ("reducing", WARNING), ("active", INFO)])
def test_a_state_says_what_it_means(state: str, level: NotificationLevel) -> None:
    found = told("state.changed", **{"from": "active" if state != "active" else "halted"}, to=state, reason="why")
    assert found.level is level
    assert f"Trading is {state.upper()}" in found.text
    assert ": why." in found.text
    assert found.text.count(".") >= 2


def test_faults_are_told_with_their_end() -> None:
    translator = EventTranslator()
    alert = translator.notification("risk.alert", AT, {"message": "The step failed: x", "faults": 3})
    assert alert is not None
    assert (alert.level, alert.text) == (WARNING, "The step failed: x.")
    end = translator.notification("portfolio.update", AT, {"decision_id": "d", **HELD})
    assert end is not None
    assert "after 3 failed in a row" in end.text
    assert translator.notification("portfolio.update", AT, {"decision_id": "e", **HELD}) is None


def test_a_failed_step_and_the_job_it_failed_are_one_cause() -> None:
    fault = "Alpaca answered 503: internal error."
    alert = told(
        "risk.alert", message=f"The step failed, the next one tries again: {fault}", cause=fault, faults=1
    )
    job = told("job.progress", job_id="j", kind="cron_decide", status="failed", message=f"failed: {fault}")
    assert alert.cause_key == job.cause_key


def test_a_corporate_action_and_its_payment_say_each_thing_once() -> None:
    action = told(
        "corporate.action", action_id="a", ticker="KO", kind="split", message="KO: split, 2-for-1, with effect"
    )
    assert action.text == "KO: split, 2-for-1, with effect."
    paid = told("cash.movement", movement_id="m", ticker="KO", kind="dividend", amount="1.42",
                message="DIV CDIV: dividend")  # fmt: skip
    assert paid.text == "Cash changed by +1.42 USD: dividend of KO. It is booked; nothing needs to be done."


def test_jobs_are_told_when_they_fail_or_are_missed() -> None:
    failed = told(
        "job.progress", job_id="j", kind="train", status="failed", error="ValueError: bad\nTraceback (..."
    )
    assert failed.text.startswith("The job train failed: ValueError: bad.")
    missed = told(
        "job.progress", job_id="j", kind="cron_decide", status="skipped", message="missed: no process ran"
    )
    assert "was missed: no process ran." in missed.text
    for status, message in (("done", ""), ("running", ""), ("skipped", "Sat has no session: a weekend")):
        assert tell("job.progress", job_id="j", kind="cron_decide", status=status, message=message) is None


def test_an_alert_tells_no_library_s_names_and_a_key_is_the_same_when_it_is_derived_again() -> None:
    noisy = "Alpaca can't be reached: HTTPConnectionPool(host='x', port=443): Read timed out. (read timeout=10)"
    first, again = (told("risk.alert", decision_id="d1", message=noisy) for _ in range(2))
    assert first.text == "Alpaca can't be reached: no answer in time."
    assert first == again
    assert first.key != told("risk.alert", decision_id="d2", message=noisy).key


def test_most_topics_are_nobody_s_business() -> None:
    silent = ("regime.update", "sector.hot", "signal.buy", "signal.sell", "decision.made", "model.updated")
    assert set(silent) < set(TOPICS)
    assert [tell(topic, ticker="KO") for topic in silent] == [None] * len(silent)
