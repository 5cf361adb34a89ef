"""Takes the dashboard's pictures: each page, desktop and phone, light and dark; full, empty, degraded, halted.

`python docs/pictures/dashboard.py [STATE_DIR]` writes docs/pictures/dashboard/*.webp from a daemon on the
simulated market with a year behind it. Without STATE_DIR that year is made first, which takes minutes. While the
exchange is closed nothing fills: then give a STATE_DIR that holds something.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from PIL import Image  # noqa: E402  # after the path
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402  # after the path

from benchmarks import history  # noqa: E402  # after the path
from benchmarks.daemon import Daemon  # noqa: E402  # after the path

FOLDER = HERE / "dashboard"
QUALITY = 30  # of a lossy file: text stays readable, and all of them take about 3 MB
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True},
}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SETTLE_MS = 1_000
WAIT_MS_MAX = 600_000
BACKTEST_SPAN = timedelta(days=120)
STARTS: dict[str, Scheme] = {"desktop": "light", "phone": "dark"}
"""What of a daemon that has done nothing yet, or is in trouble, is shown in which scheme."""


def opened(browser: Browser, port: int, size: str, scheme: Scheme) -> Page:
    """Open the dashboard in a window of its own."""
    page = browser.new_page(**SIZES[size], color_scheme=scheme)
    page.set_default_timeout(WAIT_MS_MAX)
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#link:has-text('connected')")
    return page


def take(page: Page, address: str, name: str) -> None:
    """Go to an address of the page, and write its picture."""
    page.evaluate(f"location.hash = '#/{address}'")
    page.wait_for_function("() => !document.querySelector('main').innerText.includes('Asking')")
    page.wait_for_timeout(SETTLE_MS)  # charts are drawn
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


def pages_of(page: Page) -> list[str]:
    """Return the pages that the navigation leads to."""
    return [
        str(name) for name in page.evaluate("[...document.querySelectorAll('nav a')].map((a) => a.dataset.to)")
    ]


def take_all(browser: Browser, port: int, state: str, extra: Mapping[str, str]) -> None:
    """Take every page, and some addresses more under a name, in both sizes and schemes."""
    for size in SIZES:
        for scheme in SCHEMES:
            page = opened(browser, port, size, scheme)
            for address, name in {**{one: one for one in pages_of(page)}, **extra}.items():
                take(page, address, f"{name}_{state}_{size}_{scheme}")
            page.close()


def take_some(browser: Browser, port: int, state: str, addresses: Iterable[str] = ()) -> None:
    """Take some pages (all by default) in one scheme a size."""
    for size, scheme in STARTS.items():
        page = opened(browser, port, size, scheme)
        for address in addresses or pages_of(page):
            take(page, address, f"{address}_{state}_{size}_{scheme}")
        page.close()


def why(browser: Browser, port: int) -> None:
    """Take the question why a ticker was decided on."""
    page = opened(browser, port, "desktop", "dark")
    page.get_by_role("button", name="Why").first.click()
    page.get_by_role("dialog").get_by_role("heading", name="Votes").wait_for()
    take(page, "overview", "why_full_desktop_dark")
    page.close()


def ask(browser: Browser, port: int, path: str, **body: object) -> dict[str, Any]:
    """Send a command of the API."""
    request = browser.new_context().request
    answer = request.post(f"http://127.0.0.1:{port}{path}", data=body, timeout=WAIT_MS_MAX)
    if not answer.ok:
        raise SystemExit(f"{path}: {answer.text()}")
    found: dict[str, Any] = answer.json()
    return found


def empty(browser: Browser, state: Path) -> None:
    """Take the pages of a daemon that has just been started for the first time."""
    with Daemon(state) as daemon:
        daemon.wait_idle()
        take_some(browser, daemon.port, "empty")


def full(browser: Browser, state: Path) -> None:
    """Take the pages of a daemon with a year behind it, its jobs on."""
    os.environ["ENABLE_CRON"] = "true"
    with Daemon(state) as daemon:
        daemon.wait_idle()
        ask(browser, daemon.port, "/decide/v3", execute=True)
        ask(browser, daemon.port, "/letter")
        since = datetime.now(UTC).date() - BACKTEST_SPAN
        run = ask(browser, daemon.port, "/backtest", books=200, start=since.isoformat())["run"]
        request = browser.new_context().request
        newest = request.get(f"http://127.0.0.1:{daemon.port}/trades/closed?limit=1").json()["trades"][0]
        more = {f"ticker/{newest['ticker']}": "ticker_one", f"trades/{newest['number']}": "trade_one"}
        take_all(browser, daemon.port, "full", {**more, f"backtests/{run}": "backtest_one"})
        why(browser, daemon.port)
    del os.environ["ENABLE_CRON"]


def troubled(browser: Browser, state: Path) -> None:
    """Take what a daemon looks like when nobody watches what it holds, and when it is halted."""
    with Daemon(state) as daemon:
        daemon.wait_idle()
        ask(browser, daemon.port, "/decide/v3")
        take_some(browser, daemon.port, "degraded", ["overview"])
        ask(browser, daemon.port, "/halt", reason="a test of the halt")
        take_some(browser, daemon.port, "halted", ["overview", "orders"])


def main() -> None:
    """Make the year where there is none, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        state = Path(folder) / "state"
        if len(sys.argv) > 1:
            shutil.copytree(sys.argv[1], state)  # its owner's stays as it is
            (state / "engine.lock").unlink(missing_ok=True)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        empty(browser, Path(folder) / "new")
        if len(sys.argv) <= 1:
            asyncio.run(history.write(state))
        full(browser, state)
        troubled(browser, state)
        browser.close()


if __name__ == "__main__":
    main()
