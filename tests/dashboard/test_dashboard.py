"""The dashboard in a real browser: it opens, sees a decision arrive, says why, halts and resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.page_laws import CONTRAST, CUT_OFF, PHONE, TEXT_CONTRAST_MIN, Seen
from tests.dashboard.tabs import SCHEMES, WAIT_MS_MAX, Scheme, Tabs
from tests.servers.daemon import Process, own_settings, with_models
from tests.servers.local_http import Answer, local_server

DRAWN_IN = """(wanted) => {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = wanted;
  const [r, g, b] = probe.fillStyle.match(/[0-9a-f]{2}/g).map((two) => parseInt(two, 16));
  const canvases = [];
  const walk = (root) => root.querySelectorAll("*").forEach((e) => {
    if (e.tagName === "CANVAS") canvases.push(e);
    if (e.shadowRoot) walk(e.shadowRoot);
  });
  walk(document.querySelector("#equity-chart"));
  let of_text = 0;
  for (const canvas of canvases) {
    if (!canvas.width || !canvas.height) continue;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] > 200 && Math.hypot(data[at] - r, data[at + 1] - g, data[at + 2] - b) < 24) of_text += 1;
  }
  return of_text > 50;
}"""
"""Whether the chart's labels are drawn in a colour: their pixels are on its canvases."""


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    state = with_models(trained_state, tmp_path_factory.mktemp("state"))
    process = Process(state, own_settings(tmp_path_factory.mktemp("settings")))
    process.wait_idle()
    yield process
    process.end()
    process.http.close()


Open = Callable[..., Page]


@pytest.fixture
def opened(tabs: Tabs, daemon: Process) -> Iterator[Open]:
    """Give a function that opens the page; in the end nothing it did may have been wrong."""

    def visit(**screen: Any) -> Page:
        page = tabs.open(daemon.port, "", **screen)
        page.wait_for_selector("#equity-chart[data-drawn]")
        expect(page.locator("#link")).to_have_text("connected")
        return page

    yield visit
    tabs.seen.check()
    daemon.answer("/resume", "POST")


def test_a_decision_arrives_and_opens_to_its_why(opened: Open, daemon: Process) -> None:
    page = opened()
    made = daemon.answer("/decide/v3", "POST")
    page.wait_for_selector(f"#decision [data-id='{made['decision_id']}']")
    ticker = made["decisions"][0]["ticker"]
    row = page.locator("#decision tbody tr").filter(has=page.get_by_role("button", name=f"Why {ticker}"))
    assert row.locator(".bar").count() == 1 + len(made["decisions"][0]["votes"])
    page.get_by_role("button", name=f"Why {ticker}").press("Enter")
    why = page.get_by_role("dialog")
    for heading in ("Reasons", "Votes", "Factors", "Headlines", "Checks"):
        assert why.get_by_role("heading", name=heading).is_visible()
    for reason in made["decisions"][0]["reasons"]:
        assert why.get_by_text(reason).count(), reason
    for factor in made["decisions"][0]["contributions"]:
        assert why.get_by_text(factor.replace("_", " "), exact=True).count(), factor
    page.keyboard.press("Escape")
    assert not why.is_visible()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("#log li").filter(has_text="decision.made").first).to_be_visible()


def test_the_header_says_that_nobody_watches_what_is_held(opened: Open, daemon: Process) -> None:
    page = opened()
    made = daemon.answer("/decide/v3", "POST")
    sent = daemon.answer("/execute", "POST", json={"decision_id": made["decision_id"], "dry_run": False})
    assert sent["orders"]
    said = page.locator("header #unwatched")
    expect(said).to_have_text("not automatic: nobody watches the stops")
    line = page.get_by_role("status", name="Condition")
    expect(line).to_have_class("condition degraded")
    expect(line).to_contain_text("POST /risk/check")
    expect(page.locator("#trouble")).to_be_hidden()


def test_the_letter_is_written_and_shown(opened: Open, daemon: Process) -> None:
    daemon.answer("/decide/v3", "POST")
    page = opened()
    daemon.answer("/letter", "POST")
    page.get_by_role("link", name="Letter").click()
    letter = daemon.answer("/letter")
    expect(page.locator("#letter h3")).to_contain_text(f"Session {letter['session']}")
    assert page.locator("#letter pre").inner_text().split() == letter["text"].split()
    page.get_by_role("button", name="Write the last session's now").click()
    expect(page.locator("#letter h3")).to_contain_text(f"Session {daemon.answer('/letter')['session']}")
    expect(page.get_by_role("textbox", name="Session")).to_have_value(letter["session"])


def test_halt_and_resume_ask_first(opened: Open, daemon: Process) -> None:
    page = opened()
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    assert daemon.answer("/health")["trading_state"] == "active", "a cancelled halt halts nothing"
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator("#state")).to_have_text("halted")
    assert daemon.answer("/health")["trading_state"] == "halted"
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_role("button", name="Resume trading").click()
    expect(page.locator("#state")).to_have_text("active")
    assert daemon.answer("/health")["trading_state"] == "active"


def test_the_log_filters_by_topic(opened: Open, daemon: Process) -> None:
    page = opened()
    page.get_by_role("link", name="Log", exact=True).click()
    daemon.answer("/decide/v3", "POST")
    page.wait_for_selector("#log li:has-text('portfolio.update')")
    page.select_option("#topics", "decision.made")
    topics = page.locator("#log li b").all_inner_texts()
    assert topics
    assert set(topics) == {"decision.made"}
    page.get_by_label("Search").fill("approved")
    page.reload()
    expect(page.locator("#link")).to_have_text("connected")
    expect(page.locator("#log li b").first).to_have_text("decision.made")
    expect(page.locator("#topics")).to_have_value("decision.made")
    expect(page.get_by_label("Search")).to_have_value("approved")
    page.select_option("#levels", "error")
    expect(page.locator("#log")).to_have_text("No event is of this topic, level and word.")


def test_every_control_is_reached_by_keyboard(opened: Open) -> None:
    page = opened()
    page.get_by_role("link", name="Log", exact=True).press("Enter")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"skip", "halt", "flatten", "topics", "log"} <= reached


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_enough_contrast(opened: Open, daemon: Process, scheme: Scheme) -> None:
    daemon.answer("/decide/v3", "POST")
    page = opened(color_scheme=scheme)
    page.wait_for_selector("#decision [data-id]")
    page.wait_for_selector("#sectors td .heat")
    found = page.evaluate(CONTRAST)
    assert len(found) > 100
    assert [text for ratio, text in found if ratio < TEXT_CONTRAST_MIN] == []


def test_jobs_and_drift_are_shown_as_the_status_has_them(opened: Open, daemon: Process) -> None:
    daemon.answer("/decide/v3", "POST")
    page = opened()
    status = daemon.answer("/status")
    assert len(status["scheduler"]["jobs"]) >= 4
    for job in status["scheduler"]["jobs"]:
        row = page.locator("#jobs tr").filter(has_text=job["name"])
        expect(
            row.locator("time.countdown") if job["next_run_at"] else row.get_by_text("not scheduled")
        ).to_have_count(1)
    judged = int("psi" in status["models"]["quant"]["drift"])
    expect(page.locator("#models").get_by_text("most moved")).to_have_count(judged)


def test_the_chart_follows_the_colour_scheme(opened: Open) -> None:
    page = opened(color_scheme="light")
    asked = {scheme: text_colour(page, scheme) for scheme in SCHEMES}
    assert asked["dark"] != asked["light"]
    for scheme in (*SCHEMES, SCHEMES[0]):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(DRAWN_IN, arg=asked[scheme])
    assert page.locator("#equity-chart > .bk-GridPlot").count() == 1, "the old figures are gone"


def text_colour(page: Page, scheme: Scheme) -> str:
    """Return the text colour that the style sheet gives in a colour scheme."""
    page.emulate_media(color_scheme=scheme)
    return str(page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--text').trim()"))


def test_a_phone_needs_no_sideways_scroll(opened: Open, daemon: Process) -> None:
    daemon.answer("/decide/v3", "POST")
    page = opened(**PHONE)
    page.wait_for_selector("#decision [data-id]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT_OFF) == [], "every column of every table is on the page"
    box = page.locator("#halt").bounding_box()
    assert box is not None
    assert box["height"] >= 44


def test_the_log_stays_bounded(opened: Open, daemon: Process) -> None:
    page = opened()
    page.get_by_role("link", name="Log", exact=True).click()
    for _ in range(8):
        daemon.answer("/decide/v3", "POST")
    page.wait_for_selector("#log li:nth-child(60)")
    assert page.locator("#log li").count() <= 200


def test_assets_carry_a_strict_policy(daemon: Process) -> None:
    for path in ("/", "/dashboard/main.js", "/dashboard/library/bokeh.min.js"):
        answer = daemon.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "http" not in policy
    for path in ("/dashboard/library/..%2fbokeh.json", "/dashboard/library/other.js", "/dashboard/..%2fapp.py"):
        assert daemon.http.get(path).status_code == 404


def test_the_api_docs_are_drawn_without_any_other_server(browser: Browser, daemon: Process) -> None:
    page, seen = browser.new_page(), Seen()
    seen.watch(page)
    page.goto(f"http://127.0.0.1:{daemon.port}/docs")
    page.wait_for_selector(".opblock", timeout=WAIT_MS_MAX)
    assert page.locator(".opblock").count() > 25
    halt = page.locator(".opblock").filter(has=page.locator("[data-path='/halt']"))
    halt.locator(".opblock-summary-control").click()
    expect(halt.get_by_role("button", name="Try it out")).to_be_visible()
    page.close()
    seen.check()


def test_no_foreign_page_frames_ours(browser: Browser, daemon: Process) -> None:
    """The foreign page stands on loopback too, where no other protection of the browser's helps."""
    ours = f"http://127.0.0.1:{daemon.port}"
    frames = f"<iframe src='{ours}/'></iframe><iframe src='{ours}/docs'></iframe>".encode()
    hostile = Answer(body=frames, headers={"content-type": "text/html"})
    page = browser.new_page()
    with local_server(lambda _: hostile) as port:
        page.goto(f"http://127.0.0.1:{port}/")  # until its frames are loaded too, or refused
        assert len(page.frames) == 3
        for frame in page.frames[1:]:
            assert frame.locator("#halt, #swagger-ui").count() == 0
    page.close()
