"""The dashboard in headless Chromium, a year and 5,000 trades behind it: opening, Trades, a day's events."""

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
from benchmarks.page_measures import add_round_trips, heap_growth, trades_page

LOADS = 9
TRADES = 5_000
CHART_SECONDS_MAX, FIGURES_SECONDS_MAX, LIST_MS_MAX, HEAP_GROWTH_PCT_MAX = 1.5, 1.0, 100.0, 10.0
SESSIONS_MIN = 250
WAIT_MS_MAX = 60_000


def load(browser: Browser, port: int, faults: list[str], hosts: set[str]) -> tuple[float, float]:
    """Open the page with an empty cache; give the seconds to its first figures and to its first chart."""

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
    figures, chart = (
        float(page.evaluate(f"performance.getEntriesByName('{mark}')[0].startTime")) / 1000
        for mark in ("first-figures", "first-chart")
    )
    context.close()
    return figures, chart


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
        trades = trades_page(browser.new_page(), port, TRADES)
        heap = heap_growth(browser, port)
        browser.close()
    figures, chart = (statistics.median(seconds) for seconds in zip(*taken, strict=True))
    lists = [value for name, value in trades.items() if name != "trades_open_ms"]
    return {
        "first_figures_seconds": round(figures, 3),
        "first_chart_seconds": round(chart, 3),
        "first_chart_seconds_max": round(max(taken)[1], 3),
        **trades,
        **heap,
        "sessions": sessions,
        "trades": TRADES,
        "console_errors": faults,
        "hosts": sorted(hosts),
        "reached": figures <= FIGURES_SECONDS_MAX
        and chart <= CHART_SECONDS_MAX
        and max(lists) <= LIST_MS_MAX
        and heap["heap_growth_pct"] <= HEAP_GROWTH_PCT_MAX
        and not faults
        and hosts == {"127.0.0.1"},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "state"
        if not state.exists():
            asyncio.run(history.write(state))
        add_round_trips(state / "ledger.sqlite", TRADES)
        with Daemon(state) as daemon:
            daemon.wait_idle()
            print(json.dumps({"bench": "page", **measure(daemon.port)}))


if __name__ == "__main__":
    main()
