"""The dashboard from navigation to its first chart in headless Chromium, with a year of equity behind it."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))
from playwright.sync_api import Browser, ConsoleMessage, sync_playwright

from benchmarks import history
from benchmarks.daemon import Daemon, get

LOADS = 9
SECONDS_MAX = 1.5
SESSIONS_MIN = 250
WAIT_MS_MAX = 60_000


def load(browser: Browser, port: int, faults: list[str], hosts: set[str]) -> float:
    """Open the page with an empty cache; give the seconds to its first chart."""

    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            faults.append(said.text)

    context = browser.new_context()
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#equity-chart[data-drawn] .bk-Canvas", timeout=WAIT_MS_MAX)
    page.wait_for_timeout(300)
    seconds = float(page.evaluate("performance.getEntriesByName('first-chart')[0].startTime")) / 1000
    context.close()
    return seconds


def measure(port: int) -> dict[str, object]:
    points = json.loads(get(port, "/equity")[1])["points"]
    sessions = sum(point["equity"] is not None for point in points)
    assert sessions >= SESSIONS_MIN, sessions
    faults: list[str] = []
    hosts: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        load(browser, port, faults, hosts)  # the browser's own first page
        taken = [load(browser, port, faults, hosts) for _ in range(LOADS)]
        browser.close()
    median = statistics.median(taken)
    return {
        "first_chart_seconds": round(median, 3),
        "first_chart_seconds_min": round(min(taken), 3),
        "first_chart_seconds_max": round(max(taken), 3),
        "limit_seconds": SECONDS_MAX,
        "sessions": sessions,
        "console_errors": faults,
        "hosts": sorted(hosts),
        "reached": median <= SECONDS_MAX and not faults and hosts == {"127.0.0.1"},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "state"
        if not state.exists():
            asyncio.run(history.write(state))
        with Daemon(state) as daemon:
            daemon.wait_idle()
            print(json.dumps({"bench": "page", **measure(daemon.port)}))


if __name__ == "__main__":
    main()
