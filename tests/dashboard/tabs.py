"""The tabs that a module's tests share: a new one costs more processor time than the page in it."""

from __future__ import annotations

from itertools import count
from typing import Any, Literal

from playwright.sync_api import Browser, Page

from tests.dashboard.page_laws import Seen

Scheme = Literal["dark", "light"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
WAIT_MS_MAX = 90_000


class Tabs:
    """One tab for each kind of screen; whoever opens it finds nothing of what was done in it before.

    Attributes
    ----------
    seen : Seen
        What the pages did that they must not since the last one was opened.
    """

    def __init__(self, browser: Browser) -> None:
        self.seen = Seen()
        self._browser = browser
        self._pages: dict[str, Page] = {}
        self._opened = count()

    def open(self, port: int, page_name: str, color_scheme: Scheme = "light", **screen: Any) -> Page:
        """Load a page anew, its session storage empty."""
        page = self._tab(color_scheme, screen)
        page.goto(f"http://127.0.0.1:{port}/?{next(self._opened)}#/{page_name}", wait_until="commit")
        self.seen.clear()  # what the page before did while it was left is nobody's fault
        return page

    def close(self) -> None:
        """Close them all."""
        for page in self._pages.values():
            page.context.close()

    def _tab(self, color_scheme: Scheme, screen: dict[str, Any]) -> Page:
        kind = f"{color_scheme} {screen}"
        page = self._pages.get(kind)
        if page is None:
            context = self._browser.new_context(color_scheme=color_scheme, **screen)
            context.set_default_timeout(WAIT_MS_MAX)
            page = self._pages[kind] = context.new_page()
            self.seen.watch(page)
            return page
        page.unroute_all(behavior="ignoreErrors")  # an answer on its way is nobody's any more
        page.emulate_media(color_scheme=color_scheme)
        page.evaluate("sessionStorage.clear()")
        return page
