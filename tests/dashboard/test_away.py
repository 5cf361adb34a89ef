"""The daemon is killed under every page: each says so, dims what is old, and comes back by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.test_pages import PAGES
from tests.servers.daemon import Process, own_settings, with_models

WAIT_MS_MAX = 90_000


@pytest.fixture
def open_pages(
    browser: Browser, trained_state: Path, tmp_path: Path
) -> Iterator[tuple[Process, dict[str, Page]]]:
    """A daemon that has decided, and each page of it in a tab of its own."""
    (tmp_path / "settings").mkdir()
    process = Process(with_models(trained_state, tmp_path / "state"), own_settings(tmp_path / "settings"))
    context = browser.new_context()
    try:
        process.wait_idle()
        process.answer("/decide/v3", "POST", json={"execute": True})
        first = context.new_page()
        first.goto(f"http://127.0.0.1:{process.port}/#/{PAGES[0]}")
        pages = {PAGES[0]: first}
        for name in PAGES[1:]:  # opened by the first one they run in its process, which is cheaper
            with first.expect_popup() as opened:
                first.evaluate("name => { open(`/#/${name}`); }", name)
            pages[name] = opened.value
        for page in pages.values():
            expect(page.locator("#link")).to_have_text("connected", timeout=WAIT_MS_MAX)
        yield process, pages
    finally:
        context.close()
        process.http.close()


def test_every_page_says_that_it_is_old_and_comes_back_by_itself(
    open_pages: tuple[Process, dict[str, Page]], tmp_path: Path
) -> None:
    process, pages = open_pages
    pages["overview"].get_by_role("button", name="Flatten").click()
    process.end(signal.SIGKILL)
    pages["overview"].get_by_role("button", name="Sell everything").click()  # it died under the question
    expect(pages["overview"].locator("#trouble")).to_contain_text("Whether it was done is not known")
    for name, page in pages.items():
        line = page.get_by_role("status", name="Condition")
        expect(line).to_contain_text("does not answer since", timeout=WAIT_MS_MAX)
        expect(page.locator("body")).to_have_class("away")
        assert float(page.locator("main").evaluate("e => getComputedStyle(e).opacity")) < 1, name
        expect(page.locator("#link")).to_contain_text("offline")
        assert "Failed to fetch" not in page.locator("body").inner_text(), name
        page.get_by_role("link", name="Config").click()  # no page of it is known yet: it is filled on the return
    again = Process(tmp_path / "state", tmp_path / "settings", TRADING_PORT=str(process.port))
    try:
        again.wait_ready()
        for page in pages.values():
            expect(page.get_by_role("status", name="Condition")).not_to_contain_text(
                "does not answer", timeout=WAIT_MS_MAX
            )
            expect(page.locator("body")).not_to_have_class("away")
            expect(page.locator("#link")).to_have_text("connected", timeout=WAIT_MS_MAX)
            expect(page.locator("#config tbody tr").first).to_be_visible(timeout=WAIT_MS_MAX)
            expect(page.locator("#trouble")).to_be_hidden()
    finally:
        again.end()
        again.http.close()
