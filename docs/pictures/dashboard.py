"""Takes the README's pictures of the dashboard, from a daemon on the simulated market with a year behind it.

`python docs/pictures/dashboard.py [STATE_DIR]`
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from playwright.sync_api import Browser, sync_playwright  # noqa: E402  # after the path

from benchmarks import history  # noqa: E402  # after the path
from benchmarks.daemon import Daemon, get  # noqa: E402  # after the path

PICTURES: dict[str, dict[str, Any]] = {
    "dashboard_desktop": {"viewport": {"width": 1280, "height": 1330}, "color_scheme": "light"},
    "dashboard_phone": {
        "viewport": {"width": 390, "height": 1330}, "color_scheme": "dark", "is_mobile": True, "has_touch": True,
    },
}  # fmt: skip


def take(browser: Browser, port: int, name: str, options: dict[str, Any]) -> None:
    """Open the page and take its picture."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#equity-chart[data-drawn] .bk-Canvas")
    page.wait_for_selector("#sectors table")
    page.wait_for_timeout(1_500)
    page.screenshot(path=HERE / f"{name}.png")
    context.close()


def why(browser: Browser, port: int) -> None:
    """Open the first ticker's why and take its picture."""
    page = browser.new_page(viewport={"width": 1000, "height": 1000}, color_scheme="dark")
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_role("button", name="Why").first.click()
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / "dashboard_why.png")
    page.close()


def main() -> None:
    """Start the daemon, let it decide once more, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "state"
        if not state.exists():
            asyncio.run(history.write(state))
        with Daemon(state) as daemon, sync_playwright() as playwright:
            daemon.wait_idle()
            get(daemon.port, "/decide/v3", "POST", 60)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name, options in PICTURES.items():
                take(browser, daemon.port, name, options)
            why(browser, daemon.port)
            browser.close()


if __name__ == "__main__":
    main()
