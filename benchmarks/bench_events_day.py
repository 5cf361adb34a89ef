"""A day of events, one a second (86,400), with the dashboard open: daemon and page keep their memory bounded.

The first 12,000 events fill every log and queue; what both hold then is compared with what they hold at the end.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.daemon import ROOT, free_port, get, wait_until

EVENTS_PER_DAY = 86_400
FILLING = 12_000
BURST, PAUSE_SECONDS = 1_200, 0.0008
GROWTH_MB_MAX = 10.0
WAIT_SECONDS_MAX = 600.0


def sequence(port: int) -> int:
    return int(json.loads(get(port, "/ws/status")[1])["sequence"])


def publish(child: subprocess.Popen[str], port: int, events: int) -> None:
    assert child.stdin is not None
    for _ in range(events // BURST):
        until = sequence(port) + BURST
        child.stdin.write(f"{BURST} {PAUSE_SECONDS}\n")
        child.stdin.flush()
        wait_until(partial(_reached, port, until), WAIT_SECONDS_MAX, 0.05)


def _reached(port: int, until: int) -> bool:
    return sequence(port) >= until


def held(child: subprocess.Popen[str], page: Page, chrome: CDPSession) -> dict[str, float]:
    """Give the daemon's resident memory, the page's heap after a collection, its elements and log rows."""
    time.sleep(3)
    chrome.send("HeapProfiler.collectGarbage")
    figures = {one["name"]: one["value"] for one in chrome.send("Performance.getMetrics")["metrics"]}
    pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[1])
    return {
        "daemon_mb": round(pages * 4096 / 2**20, 1),
        "page_heap_mb": round(figures["JSHeapUsedSize"] / 2**20, 1),
        "page_elements": float(page.evaluate("document.querySelectorAll('*').length")),
        "log_rows": float(page.evaluate("document.querySelectorAll('#log li').length")),
    }


def idle(port: int) -> bool:
    status, body = get(port, "/jobs")
    return status == 200 and all(job["status"] != "running" for job in json.loads(body)["jobs"])


def measure(child: subprocess.Popen[str], port: int) -> dict[str, dict[str, float]]:
    wait_until(lambda: get(port, "/ready")[0] == 200, WAIT_SECONDS_MAX, 0.2)
    wait_until(lambda: idle(port), WAIT_SECONDS_MAX, 0.2)
    get(port, "/decide/v3", "POST", 60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        chrome = page.context.new_cdp_session(page)
        chrome.send("Performance.enable")
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#equity-chart[data-drawn]")
        publish(child, port, FILLING)
        filled = held(child, page, chrome)
        publish(child, port, EVENTS_PER_DAY - FILLING)
        after = held(child, page, chrome)
        browser.close()
    return {"filled": filled, "after": after}


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "benchmarks/stream_server.py", "day", str(port), state]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        ) as child:
            try:
                found = measure(child, port)
            finally:
                child.terminate()
    filled, after = found["filled"], found["after"]
    grown = {name: round(after[name] - filled[name], 1) for name in ("daemon_mb", "page_heap_mb")}
    reached = (
        all(growth <= GROWTH_MB_MAX for growth in grown.values()) and after["log_rows"] <= filled["log_rows"]
    )
    print(
        json.dumps({"bench": "events_day", "events": EVENTS_PER_DAY, **found, "grown": grown, "reached": reached})
    )


if __name__ == "__main__":
    main()
