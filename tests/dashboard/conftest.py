"""The browser that the dashboard's tests share, and the desk that those which only read share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.dashboard.desk_server import Served, served_desk
from tests.dashboard.page_laws import Seen

WAIT_MS_MAX = 30_000
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


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A desk with positions and closed trades, behind a server."""
    with served_desk(tmp_path_factory.mktemp("state")) as served:
        yield served


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Give a function that opens a page of the dashboard; in the end nothing it did may have been wrong."""
    contexts, seen = [], Seen()

    def opened(page_name: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT_MS_MAX)
        contexts.append(context)
        page = context.new_page()
        seen.watch(page)
        page.goto(f"http://127.0.0.1:{served.port}/#/{page_name}")
        expect(page.locator("#link")).to_have_text("connected")
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # an answer on its way is nobody's any more
        context.close()
    # A page of the desk without scoreboard and letters says so in words; the browser notes the 404 and 503 too.
    seen.faults = [fault for fault in seen.faults if "Failed to load resource" not in fault]
    seen.check()
