"""What a person changes from the page: a limit, an open order, a job run now; each is asked once and told."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.page_laws import Seen
from tests.servers.daemon import Process, own_settings

WAIT_MS_MAX = 30_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_settings(tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("state"), folder)
    process.wait_idle()
    yield process
    process.end()
    process.http.close()


@pytest.fixture
def page(browser: Browser, process: Process) -> Iterator[Page]:
    context, seen = browser.new_context(), Seen()
    context.set_default_timeout(WAIT_MS_MAX)
    page = context.new_page()
    seen.watch(page)
    page.goto(f"http://127.0.0.1:{process.port}/")
    expect(page.locator("#link")).to_have_text("connected")
    yield page
    context.close()
    seen.faults = [fault for fault in seen.faults if "Failed to load resource" not in fault]  # a refusal is one
    seen.check()


def test_a_fresh_start_has_no_red(page: Page, process: Process) -> None:
    line = page.get_by_role("status", name="Condition")
    expect(line).to_have_class("condition fine", timeout=WAIT_MS_MAX)
    expect(line).to_contain_text("orders go to built-in paper broker")
    expect(page.locator("#trouble")).to_be_hidden()
    quiet = page.locator("#optional")
    expect(quiet).to_contain_text("no RL models are trained")
    quiet.get_by_role("button", name="Train RL").click()
    page.get_by_role("button", name="Cancel").click()
    assert [job["kind"] for job in process.answer("/jobs")["jobs"]] == ["quant_retrain"]


def test_a_limit_is_tightened_after_its_difference_is_seen_and_not_loosened(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Risk").click()
    value = page.get_by_label("New value of portfolio_limits.max_positions")
    value.fill("8")
    page.keyboard.press("Enter")
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("portfolio limits: max positions: 10 becomes 8 (tighter)")
    assert not (folder / "risk.json").exists()
    asked.get_by_role("button", name="Change them").click()
    expect(page.get_by_role("status", name="Outcome")).to_contain_text("1 changed")
    assert json.loads((folder / "risk.json").read_text()) == {"portfolio_limits": {"max_positions": 8}}
    row = page.locator("#risk tbody tr").filter(has_text="max positions")
    expect(row).to_contain_text("risk.json")
    page.get_by_label("New value of portfolio_limits.max_positions").fill("null")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator("#trouble")).to_contain_text("does not tighten")
    page.get_by_label("New value of portfolio_limits.max_positions").fill("many")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator("#trouble")).to_contain_text("many is no number")


def test_every_setting_is_listed_and_found_by_a_word(page: Page) -> None:
    page.get_by_role("link", name="Config").click()
    page.get_by_role("searchbox").fill("stop_loss_pct")
    expect(page.locator("#config tbody tr")).to_have_count(2)


def test_an_open_order_is_cancelled_and_a_job_is_run_now(page: Page, process: Process) -> None:
    def orders() -> list[tuple[str, str]]:
        return [(one["ticker"], one["status"]) for one in process.answer("/orders")["orders"]]

    process.answer("/decide/v3", "POST", json={"execute": True})
    assert orders(), "without an order nothing can be cancelled"
    page.get_by_role("link", name="Orders").click()
    buttons = page.get_by_role("button", name="Cancel ")
    expect(buttons.first).to_be_visible()
    ticker = str(buttons.first.get_attribute("aria-label")).split()[-1]
    buttons.first.click()
    expect(page.get_by_role("dialog")).to_contain_text("built-in paper broker")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the order").click()
    said = page.get_by_role("status", name="Outcome").or_(page.locator("#trouble"))
    expect(said.filter(has_text=ticker).first).to_be_visible()  # or it has filled meanwhile, and that is said
    assert dict(orders())[ticker] in ("cancelled", "filled")
    page.get_by_role("link", name="Overview").click()
    newest = process.answer("/decisions")["decisions"][0]["decision_id"]
    page.get_by_role("button", name="Run cron decide now").click()
    expect(page.get_by_role("dialog")).to_contain_text("Orders go to built-in paper broker")
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status", name="Outcome")).to_contain_text("approved")
    assert process.answer("/decisions")["decisions"][0]["decision_id"] != newest


def test_figures_are_said_to_be_old_while_the_daemon_is_away(browser: Browser, process: Process) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{process.port}/")
    line = page.get_by_role("status", name="Condition")
    expect(line).not_to_contain_text("Asking", timeout=WAIT_MS_MAX)
    context.set_offline(True)
    page.get_by_role("link", name="Trades").click()
    expect(line).to_contain_text("does not answer since")
    expect(page.locator("body")).to_have_class("away")
    context.set_offline(False)
    page.get_by_role("link", name="Orders").click()
    expect(line).not_to_contain_text("does not answer", timeout=WAIT_MS_MAX)
    expect(page.locator("body")).not_to_have_class("away")
    context.close()


def test_an_answer_that_takes_long_is_waited_for_and_said_to_be(browser: Browser, process: Process) -> None:
    """The daemon is frozen under the question: its port takes connections and nothing is answered."""
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(f"http://127.0.0.1:{process.port}/")
    expect(page.locator("#link")).to_have_text("connected")
    told, line = page.get_by_role("status", name="Outcome"), page.get_by_role("status", name="Condition")
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt now").wait_for()
    process.child.send_signal(signal.SIGSTOP)
    try:
        page.get_by_role("button", name="Halt now").click()
        expect(told).to_have_text("Halt now: asked.")
        page.clock.fast_forward(20_000)
        expect(told).to_have_text(re.compile("Halt now: asked [12][0-9] s ago, not answered yet"))
        page.clock.fast_forward(20_000)
        expect(line).to_contain_text("does not answer since")
    finally:
        process.child.send_signal(signal.SIGCONT)
    expect(told).to_have_text("Halted.")
    expect(page.locator("#state")).to_have_text("halted")
    expect(page.locator("body")).not_to_have_class("away")
    page.get_by_role("button", name="Resume", exact=True).click()
    resume = page.get_by_role("button", name="Resume trading")
    resume.wait_for()  # what it would take over has been asked
    process.child.send_signal(signal.SIGSTOP)
    try:
        resume.click()
        page.evaluate("location.reload()")
    finally:
        process.child.send_signal(signal.SIGCONT)
    expect(told).to_have_text(re.compile("Resume trading: asked before this page was loaded anew. Orders and"))
    process.answer("/resume", "POST")
    page.reload()
    expect(page.locator("#state")).to_have_text("active")
    expect(told).to_be_hidden()
    context.close()
