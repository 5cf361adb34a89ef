"""The Backtests page: run one with the form, the list, one whole, two beside one another; phone and dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.page_laws import (
    AXE_COLOUR_RULES,
    AXE_RULES,
    CONTRAST,
    CUT_OFF,
    PHONE,
    TEXT_CONTRAST_MIN,
    serious_findings,
)
from tests.dashboard.tabs import SCHEMES, WAIT_MS_MAX, Scheme, Tabs
from tests.servers.daemon import Process, own_settings, with_models

BOOKS = 200


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    state = with_models(trained_state, tmp_path_factory.mktemp("state"))
    process = Process(state, own_settings(tmp_path_factory.mktemp("settings")))
    try:
        process.wait_idle()
        yield process
    finally:
        process.end()
        process.http.close()


@pytest.fixture
def page(tabs: Tabs, daemon: Process, runs: list[str]) -> Iterator[Page]:
    """A page on the list of the runs; in the end nothing it did may have been wrong."""
    assert runs
    page = tabs.open(daemon.port, "backtests")
    expect(page.locator("#link")).to_have_text("connected")
    yield page
    tabs.seen.faults = [fault for fault in tabs.seen.faults if "422" not in fault]  # a refusal is noted too
    tabs.seen.check()


def newest(daemon: Process) -> dict[str, Any]:
    run: dict[str, Any] = daemon.answer("/backtests")["runs"][0]
    return run


@pytest.fixture(scope="module")
def runs(daemon: Process, tabs: Tabs) -> list[str]:
    """Two runs over the same weeks of last year, the first by the form; their names, the newest first."""
    page = tabs.open(daemon.port, "backtests")
    expect(page.locator("#backtests")).to_contain_text("No backtest has been kept yet", timeout=WAIT_MS_MAX)
    year = int(daemon.answer("/status")["data"]["bars_until"][:4]) - 1
    first, last = f"{year}-09-02", f"{year}-11-14"
    page.get_by_label("First session").fill(first)
    page.get_by_label("Last session").fill(last)
    page.get_by_label("Random books").fill(str(BOOKS))
    page.get_by_role("button", name="Run the backtest").press("Enter")
    expect(page.get_by_role("status", name="Backtest")).to_contain_text("%", timeout=WAIT_MS_MAX)
    expect(page.locator("#backtest-chart")).to_have_attribute("data-drawn", "yes", timeout=WAIT_MS_MAX)
    assert newest(daemon)["name"] in page.url
    daemon.answer("/backtest", "POST", json={"start": first, "end": last, "books": BOOKS, "profile": "baseline"})
    return [run["name"] for run in daemon.answer("/backtests")["runs"]]


def test_the_list_says_what_the_runs_say(page: Page, daemon: Process, runs: list[str]) -> None:
    rows = page.locator("#backtests tbody tr")
    expect(rows).to_have_count(2)
    for row, run in zip(rows.all(), daemon.answer("/backtests")["runs"], strict=True):
        expect(row).to_contain_text(run["verdict"].split(":")[0])
        expect(row).to_contain_text(f"{abs(run['figures']['sharpe']):.2f}")
        expect(row).to_contain_text(run["config_digest"][:12])


def test_a_run_shows_its_verdict_trades_and_chart(
    page: Page, daemon: Process, runs: list[str], tmp_path: Path
) -> None:
    run = daemon.answer(f"/backtests/{runs[-1]}")
    page.goto(f"{page.url.split('#')[0]}#/backtests/{runs[-1]}")
    expect(page.locator("#backtest-chart")).to_have_attribute("data-drawn", "yes")
    place = page.locator("#backtests")
    expect(place).to_contain_text(run["verdict"])
    assert len(run["trades"]) > 0
    total = sum(round(trade["profit_usd"] * 100) for trade in run["trades"]) / 100
    expect(place).to_contain_text(f"profit {'−' if total < 0 else ''}${abs(total):,.2f}")
    deepest = f"{abs(run['drawdowns'][0]['depth']) * 100:.1f} %"
    expect(page.get_by_role("region", name="Drawdowns")).to_contain_text(deepest)
    year = str(run["report"]["months"]["years"][0])
    expect(page.get_by_role("region", name="Return by month").get_by_role("rowheader")).to_contain_text(year)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Keep as one page").click()
    caught.value.save_as(tmp_path / "run.html")
    assert run["verdict"].split(":")[0] in (tmp_path / "run.html").read_text("utf-8")


def test_two_runs_stand_beside_one_another(page: Page, runs: list[str]) -> None:
    boxes = page.get_by_role("checkbox", name="Compare")
    expect(boxes).to_have_count(len(runs))  # `all` does not wait
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Compare the two chosen").click()
    expect(page.locator("#backtest-chart")).to_have_attribute("data-drawn", "yes")
    differing = page.get_by_role("region", name="Settings that differ")
    expect(differing).to_contain_text("trading.profile")
    expect(differing).to_contain_text("baseline")
    page.go_back()
    expect(page.locator("#backtest-form")).to_be_visible()


def test_a_run_is_pinned_by_keyboard_and_let_go(page: Page, daemon: Process, runs: list[str]) -> None:
    expect(page.locator("#backtests")).to_contain_text("The newest 100 are kept")
    button = page.get_by_role("button", name=f"Pin {runs[0]}")
    for pinned in (True, False):
        button.press("Enter")
        expect(button).to_have_attribute("aria-pressed", str(pinned).lower())
        assert newest(daemon)["pinned"] is pinned


def test_what_cannot_be_run_says_why(page: Page) -> None:
    page.get_by_label("First session").fill("2001-01-02")
    page.get_by_label("Last session").fill("2001-02-02")
    with page.expect_response("**/backtest?wait=false") as answered:
        page.get_by_role("button", name="Run the backtest").click()
    assert answered.value.status == 422
    expect(page.locator("#trouble")).to_contain_text("earliest start")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [{"viewport": {"width": 1280, "height": 900}}, PHONE], ids=["desktop", "phone"])
def test_list_run_and_comparison_are_readable(
    tabs: Tabs, daemon: Process, runs: list[str], size: dict[str, Any], scheme: Scheme
) -> None:
    rules = AXE_RULES if scheme == "light" else AXE_COLOUR_RULES
    for detail in ("", runs[0], ",".join(runs)):
        page = tabs.open(daemon.port, f"backtests/{detail}", scheme, **size)
        page.wait_for_function("() => document.querySelectorAll('#backtests td').length > 5")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), detail
        assert [text for ratio, text in page.evaluate(CONTRAST) if ratio < TEXT_CONTRAST_MIN] == [], detail
        assert serious_findings(page, rules) == [], detail
        if size is PHONE:
            assert page.evaluate(CUT_OFF) == [], detail


def test_a_name_that_there_is_not_is_said(tabs: Tabs, daemon: Process) -> None:
    page = tabs.open(daemon.port, "backtests/nothing")
    expect(page.locator("#backtests")).to_contain_text("There is no backtest nothing", timeout=WAIT_MS_MAX)


def test_the_figures_of_a_run_are_plain_json(daemon: Process, runs: list[str]) -> None:
    for name in runs:
        json.loads(daemon.http.get(f"/backtests/{name}").text, parse_constant=pytest.fail)
