"""The dashboard's pages over a ledger with closed trades: they say what it says, and sell what one asks for."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from api.schemas.scoreboard import ScoreboardAnswer
from core.lots import first_in_first_out
from core.tax_lots import ALL_FILLS, tracked_lots
from tests.dashboard.conftest import Visit
from tests.dashboard.desk_server import Served
from tests.dashboard.page_laws import (
    AXE_COLOUR_RULES,
    AXE_RULES,
    CONTRAST,
    CUT_OFF,
    OVERFLOWING,
    PHONE,
    TEXT_CONTRAST_MIN,
    serious_findings,
)
from tests.dashboard.tabs import SCHEMES, Scheme
from tests.simulation.desk import history_of

PAGES = (
    "overview", "trades", "orders", "ticker", "calendar", "performance", "scoreboard", "letter", "models",
    "backtests", "taxes", "risk", "config", "log",
)  # fmt: skip
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}


def test_the_trades_are_the_ledgers_to_the_cent(visit: Visit, served: Served, tmp_path: Path) -> None:
    page = visit("trades")
    trades = served.desk.ledger.trades(500)
    rows = page.locator("#trades tbody tr")
    expect(rows).to_have_count(len(trades))
    total = sum((trade.profit_usd for trade in trades), Decimal(0))
    said = f"{'−' if total < 0 else ''}${abs(total):,.2f}"
    expect(page.locator("#trades [role=status]")).to_contain_text(f"profit {said}")
    expect(page.get_by_role("group", name="Pages of Closed round trips")).to_be_hidden()
    with page.expect_download() as caught:
        page.get_by_role("link", name="CSV").click()
    caught.value.save_as(tmp_path / "trades.csv")
    with (tmp_path / "trades.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["Ticker"] for row in found] == [trade.symbol for trade in trades]
    assert f"{sum(Decimal(row['Profit']) for row in found):.2f}" == f"{total:.2f}"


def test_trades_sort_and_filter_by_keyboard(visit: Visit, served: Served) -> None:
    page = visit("trades")
    trades = served.desk.ledger.trades(500)
    page.get_by_role("button", name="Profit").press("Enter")
    expect(page.locator("#trades th[aria-sort=descending]")).to_have_text("Profit ▾")
    best = sorted(trades, key=lambda trade: -trade.profit_usd)
    shown = page.locator("#trades tbody th").all_inner_texts()
    assert shown == [trade.symbol for trade in best]
    page.keyboard.press("Enter")  # the heading kept the focus
    expect(page.locator("#trades th[aria-sort=ascending]")).to_have_text("Profit ▴")
    page.get_by_role("searchbox").fill(trades[0].symbol.lower())
    matching = sum(trade.symbol == trades[0].symbol for trade in trades)
    expect(page.locator("#trades tbody tr")).to_have_count(matching)


def test_the_taxes_are_the_ledgers_to_the_cent(visit: Visit, served: Served) -> None:
    fills = served.desk.ledger.fills(ALL_FILLS)
    tracked = tracked_lots(fills, first_in_first_out)
    year = max(sale.sold.year for sale in tracked.sales)
    page = visit(f"taxes/{year}")
    gain = sum((sale.gain_usd for sale in tracked.sales if sale.sold.year == year), Decimal(0))
    short = page.get_by_role("region", name=f"Sales of {year}").get_by_role("row", name="Short term")
    expect(short).to_contain_text(f"{'−' if gain < 0 else ''}${abs(gain):,.2f}")
    expect(page.get_by_role("region", name="Lots held").locator("tbody tr")).to_have_count(
        sum(len(lots) for lots in tracked.lots.values())
    )
    expect(page.locator("#taxes")).to_contain_text("no tax advice")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Form 8949").press("Enter")
    lines = caught.value.path().read_text().splitlines()
    assert len(lines) == 1 + sum(sale.sold.year == year for sale in tracked.sales)


def test_trades_sort_on_a_phone(visit: Visit, served: Served) -> None:
    page = visit("trades", **PHONE)
    page.get_by_label("Sort Closed round trips").select_option(label="by profit")
    best = sorted(served.desk.ledger.trades(500), key=lambda trade: -trade.profit_usd)
    assert page.locator("#trades tbody th").all_inner_texts() == [trade.symbol for trade in best]


def test_why_beside_a_position_opens_the_decision_that_entered_it(visit: Visit, served: Served) -> None:
    page = visit("overview")
    symbol, held = next(iter(served.desk.engine.portfolio.positions.items()))
    page.get_by_role("button", name=f"Why {symbol} is held").click()
    why = page.get_by_role("dialog")
    expect(why.get_by_role("heading", name=f"Why enter {symbol}")).to_be_visible()
    (bought, *_) = [
        order
        for order in served.desk.ledger.orders(500)
        if order.symbol == symbol and order.side == "buy" and order.created_at <= held.entry_at
    ]
    expect(why).to_contain_text(bought.decision_id)


def test_one_position_is_sold_after_one_question(visit: Visit, served: Served) -> None:
    page = visit("overview")
    symbol = next(iter(served.desk.engine.portfolio.positions))

    def sales() -> list[str]:
        return [order.symbol for order in served.desk.ledger.orders(500) if order.rule == "sell"]

    page.get_by_role("button", name=f"Sell {symbol}", exact=True).click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("The order goes to built-in paper broker")
    asked.get_by_role("button", name="Cancel").click()
    assert sales() == []
    page.get_by_role("button", name=f"Sell {symbol}", exact=True).click()
    asked.get_by_role("button", name=f"Sell {symbol}").click()
    expect(page.get_by_role("status", name="Outcome")).to_contain_text(f"{symbol}: submitted")
    assert sales() == [symbol]
    page.get_by_role("link", name="Orders").click()
    newest = page.locator("#orders tbody tr").first
    expect(newest).to_contain_text(symbol)
    expect(newest).to_contain_text("sell")
    page.get_by_role("link", name="Overview").click()  # a second sale while that one is on its way is refused
    page.get_by_role("button", name=f"Sell {symbol}", exact=True).click()
    asked.get_by_role("button", name=f"Sell {symbol}").click()
    expect(page.locator("#trouble")).to_contain_text(symbol)
    assert sales() == [symbol]


def scoreboard_of(states: Mapping[str, str]) -> str:
    """Return an answer that stands in for months of sessions; the API's own schema checks it."""

    def evidence(state: str) -> dict[str, Any]:
        return {"sessions": 120, "e_value": 24.0, "e_value_worse": 0.1, "state": state}

    figures = dict.fromkeys(("return_last", "return_total", "sharpe", "sharpe_low", "sharpe_high"), 0.01)
    figures |= dict.fromkeys(("excess", "excess_low", "excess_high", "drawdown_max"), -0.02)
    books = [
        {"name": name, "sessions": 120, "sessions_left": None, "evidence": evidence(state), **figures}
        for name, state in states.items()
    ]
    board = {
        "session": "2025-06-27", "yardstick": "baseline", "shown_min": 20.0, "votes": "runbook", "agents": [],
        "notes": [], "shadow_books": books,
        "data": {"source": "simulated", "as_of": "2025-06-27T20:00:00Z", "bars_until": None},
    }  # fmt: skip
    return ScoreboardAnswer.model_validate(board).model_dump_json()


def test_figures_are_written_as_a_person_reads_them(visit: Visit) -> None:
    said = visit("config").evaluate("""async () => {
      const { money, gain, shares } = await import("/dashboard/format.js");
      return [money(-0.004), money("-0.00"), gain(0.001), gain("-12.5"), money("123456789012.34"),
        shares("0.000001"), shares("-0"), shares("13.2137")];
    }""")
    zero = ["$0.00", "$0.00", "$0.00"]  # nothing is neither gained nor lost
    assert said == [*zero, "−$12.50", "$123,456,789,012.34", "0.000001", "0", "13.21"]


def test_a_table_of_hundreds_of_rows_scrolls_within_itself(visit: Visit) -> None:
    """A page with a whole universe held was 20 screens long before its chart."""
    answer = scoreboard_of({f"book{place:03d}": "not known" for place in range(300)})
    page = visit("overview")
    page.route("**/scoreboard", lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.get_by_role("link", name="Scoreboard").click()
    expect(page.locator("#scoreboard tbody tr").filter(has_text="book299")).to_have_count(1)
    heights = "() => [document.documentElement.scrollHeight, innerHeight]"
    whole, screen = page.evaluate(heights)
    assert whole < 4 * screen
    row = page.locator("#scoreboard tbody tr").filter(has_text="book299")
    row.scroll_into_view_if_needed()
    expect(row).to_be_in_viewport()


def test_the_scoreboard_says_whether_an_edge_is_shown(visit: Visit) -> None:
    states = {"account": "shown", "worse": "shown to be worse", "young": "not known"}
    answer = scoreboard_of(states)
    page = visit("overview")
    page.route("**/scoreboard", lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.get_by_role("link", name="Scoreboard").click()
    for name, state in states.items():
        row = page.locator("#scoreboard tbody tr").filter(has=page.get_by_role("rowheader", name=name))
        expect(row.locator("b")).to_have_text(state)
        expect(row).to_contain_text("−2.0 % to −2.0 %")


def test_the_overview_says_the_total(visit: Visit, served: Served) -> None:
    page = visit("overview")
    calendar = history_of(served.desk).calendar()
    paid = calendar.opening_usd + sum(year.paid_in_usd for year in calendar.years)
    total = served.desk.engine.portfolio.equity - paid
    tile = page.locator(".tile").filter(has=page.get_by_role("heading", name="Total"))
    sign = "+" if total > 0 else "−" if total < 0 else ""
    expect(tile).to_contain_text(f"{sign}${abs(total):,.2f}")
    expect(tile).to_contain_text(f"${paid:,.2f} paid in")


def test_only_what_is_held_is_said_to_be_held(visit: Visit, served: Served) -> None:
    page = visit("overview")
    rows = page.locator("#decision tbody tr")
    expect(rows.first).to_be_visible()
    held = set(served.desk.engine.portfolio.positions)
    for row in rows.all():
        ticker, action = row.locator("th").inner_text().strip(), row.locator("[data-action]").inner_text()
        assert action != "hold" or ticker in held
        assert action != "no entry" or ticker not in held


def test_a_past_decision_has_an_address(visit: Visit, served: Served) -> None:
    page = visit("orders")
    rows = page.get_by_role("region", name="Decisions, the newest").locator("tbody tr")
    expect(rows.nth(3)).to_be_visible()
    report = served.desk.ledger.decisions(50)[2]
    rows.nth(2).get_by_role("link").first.press("Enter")
    expect(page.locator(f"#past-decision [data-id='{report.decision_id}']")).to_be_visible()
    assert report.decision_id in page.url
    page.go_back()
    expect(page.locator("#decision-chosen")).to_be_hidden()


def test_pages_have_addresses_and_the_back_button_works(visit: Visit) -> None:
    page = visit("orders")
    expect(page.locator("#orders tbody tr").first).to_be_visible()
    expect(page.locator("#h-equity")).to_be_hidden()
    page.get_by_role("link", name="Trades").press("Enter")
    expect(page).to_have_title("Trades · Trading engine")
    expect(page.locator("nav [aria-current=page]")).to_have_text("Trades")
    page.go_back()
    expect(page.locator("#h-orders")).to_be_visible()
    page.goto(page.url.replace("orders", "no-such-page"))
    expect(page.locator("#h-equity")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_readable(visit: Visit, served: Served, size: dict[str, Any], scheme: Scheme) -> None:
    page = visit("overview", color_scheme=scheme, **size)
    seen, rules = 0, AXE_RULES if scheme == "light" else AXE_COLOUR_RULES
    for name in (*PAGES, "trades/1", f"ticker/{served.desk.ledger.trades(1)[0].symbol}"):
        page.evaluate(f"location.hash = '#/{name}'")
        page.wait_for_function("() => !document.querySelector('main').innerText.includes('Asking')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        found = page.evaluate(CONTRAST)
        assert [text for ratio, text in found if ratio < TEXT_CONTRAST_MIN] == [], name
        assert serious_findings(page, rules) == [], name
        assert page.evaluate(OVERFLOWING) == [], name
        if size is PHONE:
            assert page.evaluate(CUT_OFF) == [], name
        seen += page.locator("main td:visible").count()
    assert seen > 100


def test_a_trade_and_a_ticker_have_addresses(visit: Visit, served: Served) -> None:
    page = visit("trades")
    trade = served.desk.ledger.trades(1)[0]
    page.get_by_role("link", name=f"Trade {len(served.desk.ledger.trades(500))}, {trade.symbol}").click()
    expect(page.locator("#trades h3")).to_contain_text(f"{trade.symbol} ")
    page.get_by_role("button", name=f"Why {trade.symbol} was bought").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Why enter {trade.symbol}")
    page.keyboard.press("Escape")
    page.locator("#trades h3").get_by_role("link", name=trade.symbol).press("Enter")
    expect(page.locator("#ticker-chart[data-drawn]")).to_have_attribute("aria-label", re.compile(trade.symbol))
    page.get_by_role("combobox", name="Ticker").fill("nosuch")
    page.keyboard.press("Enter")
    expect(page.locator("#ticker")).to_contain_text("NOSUCH")
    page.go_back()
    expect(page.locator("#ticker-chart[data-drawn]")).to_be_visible()


def test_calendar_and_performance_say_the_ledgers_profit(visit: Visit, served: Served) -> None:
    history = history_of(served.desk)
    calendar, trades = history.calendar(), history.closed_trades()
    page = visit("calendar")
    expect(page.locator("#calendar .said").first).to_contain_text(f"${calendar.closing_usd:,.2f} after the last")
    expect(page.locator("#calendar .weeks span")).to_have_count(len(calendar.days))
    page.get_by_role("link", name="Performance").click()
    total = sum((trade.profit_usd for trade in trades), Decimal(0))
    said = f"{'−' if total < 0 else ''}${abs(total):,.2f}"
    expect(page.locator("#performance [role=status]")).to_contain_text([f"profit {said}"] * 5)
