"""The page with what the worst day brings: long names, HTML in a reason, twelve digits, hundreds of orders."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.dashboard.conftest import Visit
from tests.dashboard.desk_server import Served
from tests.dashboard.page_laws import CONTRAST, CUT_OFF, OVERFLOWING, TEXT_CONTRAST_MIN

NAME = "Men's & women's <b>apparel</b>, accessories and the extraordinarily long holdings of Liechtenstein"
HTML = ("<img src=x onerror=alert(1)> it's " * 200)[:5_000]
EQUITY, ORDERS, SECTORS, EVENTS = "123456789012.34", 400, 60, 10_000


def worst(path: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return a real answer with the worst in place of some of its values."""
    if path == "positions":
        answer |= {"equity": EQUITY, "cash": "-0.00", "daily_return": -0.0}
        answer["positions"][0] |= {"quantity": "0.000001", "value": EQUITY}
    elif path == "orders":
        order = answer["orders"][0] | {"status": "submitted"}
        rows = [order | {"client_order_id": f"{place}-{NAME}"} for place in range(ORDERS)]
        rows[0] |= {"reason": HTML, "ticker": "BRK'B"}
        answer["orders"] = rows
    elif path == "status":
        answer["degraded"] = [f"{'x' * 300} <b>it's</b>", HTML]
    elif "market" in answer:
        sector = answer["market"]["sectors"][0]
        answer["market"]["sectors"] = [sector | {"sector": f"{NAME} {one}"} for one in range(SECTORS)]
    return answer


def hostile(page: Page) -> None:
    """Put the worst into what the daemon answers from now on."""

    def change(route: Route) -> None:
        answer = route.fetch()
        path = route.request.url.split("/", 3)[3].split("?")[0]
        route.fulfill(response=answer, json=worst(path, answer.json()))

    for path in ("positions", "orders?*", "decisions/*", "status"):
        page.route(f"**/{path}", change)
    page.on("dialog", lambda dialog: pytest.fail(f"a script of the data's ran: {dialog.message}"))
    page.reload()
    expect(page.locator("#link")).to_have_text("connected")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (390, "light"), (768, "dark"), (1024, "light")])
def test_no_width_hides_a_column_whatever_is_in_it(visit: Visit, width: int, scheme: str) -> None:
    page = visit("overview", viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=True)
    hostile(page)
    expect(page.locator("#positions")).to_contain_text("0.000001")
    expect(page.locator("#sectors tbody tr")).to_have_count(SECTORS)
    expect(page.locator("#tiles")).to_contain_text("$123,456,789,012.34")
    expect(page.locator("#tiles")).to_contain_text("cash $0.00")
    for name in ("overview", "orders", "trades", "risk", "performance"):
        page.evaluate(f"location.hash = '#/{name}'")
        page.wait_for_function("() => !document.querySelector('main').innerText.includes('Asking')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(OVERFLOWING) == [], name
        assert width > 960 or page.evaluate(CUT_OFF) == [], name
        assert [text for ratio, text in page.evaluate(CONTRAST) if ratio < TEXT_CONTRAST_MIN] == [], name
    expect(page.locator("#condition b")).to_have_count(1)  # the data's own is text


def test_hundreds_of_open_orders_are_turned_filtered_and_cancelled_by_keyboard(visit: Visit) -> None:
    page = visit("orders")
    hostile(page)
    rows = page.get_by_role("region", name="Orders, newest first").locator("tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_role("searchbox", name="Filter Orders, newest first").fill("brk'b")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("<img src=x onerror=alert(1)> it's")
    page.get_by_role("button", name="Cancel buy BRK'B").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Cancel the buy of BRK'B?")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the order").press("Enter")
    expect(page.locator("#trouble")).not_to_be_empty()  # the daemon knows no such order, and says so
    page.get_by_role("link", name="BRK'B").press("Enter")
    expect(page.locator("#ticker")).to_contain_text("BRK'B")
    page.go_back()
    expect(rows.first).to_be_visible()


def test_ten_thousand_events_leave_a_page_that_answers(visit: Visit, served: Served) -> None:
    page = visit("log")
    hub, now = served.desk.hub, served.desk.clock.now()
    for number in range(EVENTS):
        hub.publish("order.filled", now, {"ticker": "BRK'B", "message": f"fill {number}"})
    hub.publish("risk.alert", now, {"message": HTML})
    alert = page.locator("#log li").filter(has_text="risk.alert").first
    expect(alert).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("#log img").count() == 0
    assert page.locator("#log li").count() <= 200
    page.get_by_label("Search").fill("brk'b")
    expect(page.locator("#log li").first).to_contain_text("BRK'B")
    page.get_by_role("link", name="Overview").press("Enter")
    expect(page.locator("#h-positions")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Search")).to_have_value("brk'b")
