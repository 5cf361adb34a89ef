"""The browser that the dashboard's tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.dashboard.tabs import Tabs

EXPECT_MS_MAX = 60_000  # a machine that does other work too takes its time
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


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
