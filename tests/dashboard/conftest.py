"""The browser that the dashboard's tests share, and the desk that those which only read share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dashboard.desk_server import Served, served_desk
from tests.dashboard.tabs import Tabs

EXPECT_MS_MAX = 60_000  # a machine that does other work too takes its time
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

Visit = Callable[..., Page]


@pytest.fixture(scope="module")  # no longer: while it is open, its event loop runs and asyncio.run() is refused
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=EXPECT_MS_MAX)
        yield browser
        expect.set_options(timeout=None)
        browser.close()


@pytest.fixture(scope="module")
def tabs(browser: Browser) -> Iterator[Tabs]:
    """The tabs that a module's tests share."""
    tabs = Tabs(browser)
    yield tabs
    tabs.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A desk with positions and closed trades, behind a server."""
    with served_desk(tmp_path_factory.mktemp("state")) as served:
        yield served


@pytest.fixture
def visit(tabs: Tabs, served: Served) -> Iterator[Visit]:
    """Give a function that opens a page of the dashboard; in the end nothing it did may have been wrong."""

    def opened(page_name: str, **screen: Any) -> Page:
        page = tabs.open(served.port, page_name, **screen)
        expect(page.locator("#link")).to_have_text("connected")
        return page

    yield opened
    # A page of the desk without scoreboard and letters says so in words; the browser notes the 404 and 503 too.
    tabs.seen.faults = [fault for fault in tabs.seen.faults if "Failed to load resource" not in fault]
    tabs.seen.check()
