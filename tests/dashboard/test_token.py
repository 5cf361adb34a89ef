"""With a token: the page asks for it once, and each act of a person goes with it, is asked once and is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.dashboard.desk_server import Served, served_desk
from tests.dashboard.tabs import WAIT_MS_MAX, Tabs
from tests.servers.daemon import Process, own_settings, with_models

TOKEN = "the-secret-word"
ROUTE = "built-in paper broker"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = own_settings(tmp_path_factory.mktemp("settings"))
    own = json.loads((folder / "trading.json").read_text())
    own |= {"rl": {"timesteps": 1_000, "seeds": 1, "tickers_max": 2}, "ensemble": {"models": ["a2c"]}}
    (folder / "trading.json").write_text(json.dumps(own))
    return folder


@pytest.fixture(scope="module")
def guarded(trained_state: Path, tmp_path_factory: pytest.TempPathFactory, settings: Path) -> Iterator[Process]:
    state = with_models(trained_state, tmp_path_factory.mktemp("state"))
    process = Process(state, settings, TRADING_API_TOKEN=TOKEN)
    try:
        process.wait_alive()
        process.http.headers["Authorization"] = f"Bearer {TOKEN}"
        process.wait_idle()
        yield process
    finally:
        process.end()
        process.http.close()


def unlocked(tabs: Tabs, port: int) -> Page:
    """Open the page and type the token."""
    page = tabs.open(port, "")
    page.get_by_label("TRADING_API_TOKEN").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#link")).to_have_text("connected")
    return page


@pytest.fixture
def page(tabs: Tabs, guarded: Process) -> Iterator[Page]:
    """The page after the token was typed; in the end nothing it did may have been wrong."""
    page = unlocked(tabs, guarded.port)
    tabs.seen.clear()  # without the token it was refused
    yield page
    tabs.seen.faults = [fault for fault in tabs.seen.faults if "409" not in fault]  # a refusal is noted too
    tabs.seen.check()


def test_a_wrong_token_is_told_and_asked_again(tabs: Tabs, guarded: Process) -> None:
    page = tabs.open(guarded.port, "")
    field, refused = page.get_by_label("TRADING_API_TOKEN"), page.locator("#token-refused")
    expect(refused).to_be_empty()
    field.fill("no-such-word")
    page.keyboard.press("Enter")
    expect(refused).to_contain_text("The engine refused this token")
    expect(field).to_have_value("")
    field.fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#link")).to_have_text("connected")
    tabs.seen.clear()  # refused twice


def test_a_refusal_of_before_the_token_was_typed_does_not_ask_for_it_again(
    browser: Browser, guarded: Process
) -> None:
    context, late = browser.new_context(), list[Route]()
    page = context.new_page()
    page.route(
        re.compile("/status$"),
        lambda route: route.continue_() if "authorization" in route.request.headers else late.append(route),
    )
    page.goto(f"http://127.0.0.1:{guarded.port}/")
    page.get_by_label("TRADING_API_TOKEN").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert late
    for route in late:
        route.continue_()
    expect(page.locator("#link")).to_have_text("connected")
    expect(page.get_by_role("dialog")).to_be_hidden()
    context.close()


def test_an_account_that_never_fell_has_a_narrow_axis_below_it(page: Page) -> None:
    page.wait_for_selector("#equity-chart[data-drawn]", timeout=WAIT_MS_MAX)
    expect(page.locator("#equity-said")).to_contain_text(re.compile(r"drawdown 0.0.?%"))
    spans = page.evaluate(
        "() => [...Bokeh.index].flatMap(view => [...view.model.select ? view.model.references() : []])"
        ".filter(model => model.type === 'Figure').map(one => one.y_range.end - one.y_range.start)"
    )
    assert spans
    assert min(spans) <= 0.2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A desk whose clock stands in market hours: what is sold does not depend on today's."""
    with served_desk(tmp_path_factory.mktemp("state"), {"TRADING_API_TOKEN": TOKEN}) as served:
        yield served


def told(page: Page) -> Locator:
    return page.get_by_role("status", name="Outcome")


def act(page: Page, button: str, verb: str, *says: str) -> None:
    """Press a button, read the question, cancel it, ask again and say yes: all by keyboard."""
    asked = page.get_by_role("dialog")
    before = told(page).inner_text() if told(page).is_visible() else ""
    for key in ("Escape", "Enter"):
        page.get_by_role("button", name=button, exact=True).first.press("Enter")
        expect(asked).to_be_visible()
        for text in says:
            expect(asked).to_contain_text(text)
        expect(asked.get_by_role("button", name="Cancel")).to_be_focused()
        if key == "Enter":
            asked.get_by_role("button", name=verb, exact=True).press("Enter")
        else:
            page.keyboard.press("Escape")
            expect(asked).to_be_hidden()
            assert (told(page).inner_text() if told(page).is_visible() else "") == before


def test_the_token_stays_in_the_tab_and_out_of_the_log(page: Page, guarded: Process) -> None:
    page.wait_for_selector("#equity-chart[data-drawn]", timeout=WAIT_MS_MAX)
    assert TOKEN not in guarded.log
    assert TOKEN not in json.dumps(guarded.answer("/status"))
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    expect(page.locator("#link")).to_have_text("connected", timeout=WAIT_MS_MAX)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_halt_and_resume(page: Page, guarded: Process) -> None:
    act(page, "Halt", "Halt now", "Nothing is sent from now on")
    expect(told(page)).to_have_text("Halted.")
    assert guarded.answer("/health")["trading_state"] == "halted"
    act(page, "Resume", "Resume trading", f"to {ROUTE}", "Only what is ticked is taken over")
    expect(told(page)).to_have_text("Resumed.")
    assert guarded.answer("/health")["trading_state"] == "active"


def test_what_is_drawn_anew_keeps_the_keyboards_place(tabs: Tabs, served: Served) -> None:
    page = unlocked(tabs, served.port)
    name = f"Sell {max(served.desk.engine.portfolio.positions)}"
    button = page.get_by_role("button", name=name, exact=True).first
    button.focus()
    drawn = button.element_handle()
    served.desk.hub.publish("portfolio.update", served.desk.clock.now(), {})
    page.wait_for_function("one => !one.isConnected", arg=drawn)
    expect(page.get_by_role("button", name=name, exact=True).first).to_be_focused()


def test_one_is_sold_and_then_everything(tabs: Tabs, served: Served) -> None:
    page = unlocked(tabs, served.port)
    ticker, other = sorted(served.desk.engine.portfolio.positions)[:2]
    act(page, f"Sell {ticker}", f"Sell {ticker}", "at the market's price", f"goes to {ROUTE}")
    expect(told(page)).to_contain_text(f"{ticker}: submitted")
    expect(told(page)).to_contain_text(f"It went to {ROUTE}")
    act(page, "Flatten", "Sell everything", f"The orders go to {ROUTE}", "Entries stay off until you resume")
    expect(told(page)).to_contain_text("Selling; left: ")
    expect(told(page)).to_contain_text(other)
    expect(page.get_by_role("status", name="Condition")).to_contain_text("everything is being sold since")
    sold = [order.symbol for order in served.desk.ledger.orders(500) if order.rule in ("sell", "flatten")]
    assert sorted(sold) == sorted(served.desk.engine.portfolio.positions)


def test_every_job_is_run_by_its_button(page: Page, guarded: Process) -> None:
    for name, says in (
        ("cron regime", "No order is sent"),
        ("cron risk check", f"Orders go to {ROUTE}"),
        ("letter", "No order is sent"),
    ):
        act(page, f"Run {name} now", "Run now", says)
        expect(told(page)).to_contain_text(re.compile("The regime is|approved|is written|Letter"))
    guarded.wait_idle()


def test_models_are_trained_and_put_back(page: Page, guarded: Process) -> None:
    page.get_by_role("link", name="Models").click()
    act(page, "Retrain the ranker", "Retrain", "No order is sent")
    expect(told(page)).to_contain_text("Training runs as quant_retrain")
    guarded.wait_idle()
    page.reload()
    expect(page.locator("#models-page")).to_contain_text("Trainings since the start")
    kept = guarded.answer("/status")["models"]["quant"]["versions"]
    older = [one["model_id"] for one in kept if not one["in_use"]]
    if older:  # a retrain on the same bars keeps the version that is there
        act(page, f"Use {older[0]}", "Use it", "decides from the next step on")
        expect(told(page)).to_contain_text(f"{older[0]} is in use again")


def test_the_rl_ensemble_is_trained_and_used(page: Page, guarded: Process) -> None:
    pytest.importorskip("stable_baselines3")
    page.get_by_role("link", name="Models").click()
    page.locator("#models-page").get_by_role("button", name="Train RL").wait_for()  # the overview has one too
    act(page, "Train RL", "Train", "No order is sent")
    expect(told(page)).to_contain_text("Training runs as train-")
    job = told(page).inner_text().removeprefix("Training runs as ").removesuffix(".")
    act(page, "Train RL", "Train", "No order is sent")
    expect(page.locator("#trouble")).to_contain_text("train")  # one at a time, and the refusal is told
    guarded.wait(lambda: guarded.answer(f"/jobs/{job}")["status"] != "running")
    done = guarded.answer(f"/jobs/{job}")
    assert done["status"] == "done", done
    (member,) = done["result"]["members"].values()
    runs = page.get_by_role("region", name="Trainings since the start")
    row = runs.get_by_role("row").filter(has=page.get_by_role("rowheader", name="train", exact=True))
    expect(row).to_contain_text("done")
    expect(page.locator("#models-page")).to_contain_text(member["model_id"])
    line = page.get_by_role("status", name="Condition")
    expect(line).to_have_class("condition fine")  # a member that is not better than chance degrades nothing


def test_a_limit_is_loosened_with_the_token(page: Page, guarded: Process, settings: Path) -> None:
    page.get_by_role("link", name="Risk").click()
    expect(page.locator("#risk")).to_contain_text("With the token limits may be loosened too")
    page.get_by_label("New value of portfolio_limits.max_positions").fill("12")
    page.keyboard.press("Enter")
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("max positions: 10 becomes 12 (looser)")
    asked.get_by_role("button", name="Change them").press("Enter")
    expect(told(page)).to_contain_text("1 changed")
    assert json.loads((settings / "risk.json").read_text()) == {"portfolio_limits": {"max_positions": 12}}


def test_what_a_link_could_not_carry_the_token_for_is_kept_all_the_same(page: Page, guarded: Process) -> None:
    guarded.answer("/decide/v3", "POST")
    guarded.answer("/letter", "POST")
    for name, button, within in (
        ("taxes", "Form 8949", "Date acquired"),
        ("letter", "The whole letter", "<html"),
    ):
        page.evaluate(f"location.hash = '#/{name}'")
        with page.expect_download() as caught:
            page.get_by_role("button", name=button).press("Enter")
        assert within in caught.value.path().read_text("utf-8")
    assert page.locator("main a[href^='/']").count() == 0
