"""Takes the dashboard's pictures: each page full of a simulated year, empty, degraded and halted.

`python docs/pictures/dashboard.py [STATE_DIR]` writes docs/pictures/dashboard/*.webp, about 160 files. Full is
taken on desktop and phone, light and dark; the other states on a light desktop and a dark phone, which keeps the
folder at a few MB. Without STATE_DIR the year is made first, which takes minutes.

The daemon's clock is moved by hand through the two sessions to come, so the exchange is open whatever day it is;
the browser's clock stands where the daemon's does. Degraded is a feed that stopped answering and a decision that
did not begin when it was due; halted is a person's halt, after the feed is back.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from PIL import Image  # noqa: E402  # after the path
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402  # after the path

from benchmarks import history  # noqa: E402  # after the path
from benchmarks.driven_daemon import Driven, driven  # noqa: E402  # after the path
from benchmarks.service import Session, sessions_between, settings_folder  # noqa: E402  # after the path

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
ONE_A_SIZE: dict[str, Scheme] = {"desktop": "light", "phone": "dark"}
"""In which scheme a state other than the full one is taken."""

ZONE = "America/New_York"
WATCH, DAILY = ("cron_risk_check", "cron_decide"), ("cron_regime", "cron_weekly_retrain", "letter")
SMALL_RL = {"rl": {"timesteps": 1_000, "seeds": 1}}  # trained on the weekend as the jobs have it, in little time
MINUTE, STEP, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(days=1)
VENDOR = '''"""The simulated market from a vendor who does not answer while the file `outage` is there."""

from pathlib import Path

from adapters.feeds.choose import ChosenSource
from adapters.simulated.market import SimulatedMarket

OUTAGE = Path(__file__).with_name("outage")


class Vendor:
    name = "vendor"
    gives_market_prices = False
    replays_quotes = True

    def __init__(self, market):
        self.market = market

    @classmethod
    def from_parts(cls, request):
        market = SimulatedMarket(request.calendar, request.universe)
        return ChosenSource(source=cls(market), headlines=market.headlines)

    def bars(self, symbols, start, end):
        return self.answered().bars(symbols, start, end)

    def quotes(self, symbols, at):
        return self.answered().quotes(symbols, at)

    def answered(self):
        if OUTAGE.exists():
            raise ConnectionError("the vendor answered 503 Service Unavailable")
        return self.market
'''


def opened(browser: Browser, daemon: Driven, size: str, scheme: Scheme) -> Page:
    """Open the dashboard in a window of its own, at the daemon's time."""
    page = browser.new_page(**SIZES[size], color_scheme=scheme, timezone_id=ZONE)
    page.set_default_timeout(WAIT_MS_MAX)
    page.clock.set_fixed_time(daemon.clock.now())
    page.goto(f"http://127.0.0.1:{daemon.port}/")
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


def take_all(browser: Browser, daemon: Driven, state: str, extra: Mapping[str, str]) -> None:
    """Take every page, and some addresses more under a name, in both sizes and schemes."""
    for size in SIZES:
        for scheme in SCHEMES:
            page = opened(browser, daemon, size, scheme)
            for address, name in {**{one: one for one in pages_of(page)}, **extra}.items():
                take(page, address, f"{name}_{state}_{size}_{scheme}")
            page.close()


def take_once(browser: Browser, daemon: Driven, state: str) -> None:
    """Take every page, in one scheme a size."""
    for size, scheme in ONE_A_SIZE.items():
        page = opened(browser, daemon, size, scheme)
        for address in pages_of(page):
            take(page, address, f"{address}_{state}_{size}_{scheme}")
        page.close()


def why(browser: Browser, daemon: Driven) -> None:
    """Take the question why a ticker was decided on."""
    page = opened(browser, daemon, "desktop", "dark")
    page.get_by_role("button", name="Why").first.click()
    page.get_by_role("dialog").get_by_role("heading", name="Votes").wait_for()
    take(page, "overview", "why_full_desktop_dark")
    page.close()


def ask(browser: Browser, daemon: Driven, path: str, **body: object) -> dict[str, Any]:
    """Send a command of the API."""
    context = browser.new_context()
    answer = context.request.post(f"http://127.0.0.1:{daemon.port}{path}", data=body, timeout=WAIT_MS_MAX)
    if not answer.ok:
        raise SystemExit(f"{path}: {answer.text()}")
    found: dict[str, Any] = answer.json()
    context.close()
    return found


def empty(browser: Browser, state: Path, settings: Path, at: datetime) -> None:
    """Take the pages of a daemon that has just been started for the first time."""
    with driven(state, at, settings) as daemon:
        take_once(browser, daemon, "empty")


def full(browser: Browser, state: Path, settings: Path, last: datetime, session: Session) -> None:
    """Take the pages of a daemon with a year behind it, after a whole session of its jobs."""
    opens_at, closes_at = session
    with driven(state, last, settings) as daemon:
        daemon.fire(last + history.BEFORE_CLOSE, *WATCH)  # what today's profit is counted from
        daemon.fire_due(opens_at, *DAILY)
        for at in times(opens_at + STEP, closes_at - STEP):
            daemon.fire(at, *WATCH)
        daemon.fire(closes_at - 5 * MINUTE, "cron_risk_check")
        ask(browser, daemon, "/letter")
        since = daemon.clock.now().date() - BACKTEST_SPAN
        run = ask(browser, daemon, "/backtest", books=200, start=since.isoformat())["run"]
        portfolio = daemon.daemon.service.portfolio()
        if not portfolio.positions:
            raise SystemExit("Nothing is held: give a STATE_DIR whose daemon has traded.")
        newest = daemon.daemon.history.closed_trades()[0]
        more = {f"ticker/{min(portfolio.positions)}": "ticker_one", f"trades/{newest.number}": "trade_one"}
        take_all(browser, daemon, "full", {**more, f"backtests/{run}": "backtest_one"})
        why(browser, daemon)


def troubled(browser: Browser, state: Path, settings: Path, opens_at: datetime) -> None:
    """Take every page on a session's morning: while the feed fails and a decision is late, then halted."""
    outage = vendor(settings.parent / "user" / "feeds")
    with driven(state, opens_at + 60 * MINUTE, settings, DATA_PROVIDER="vendor") as daemon:
        daemon.fire(opens_at + 60 * MINUTE, *WATCH)
        outage.touch()
        daemon.fire(opens_at + 75 * MINUTE, "cron_risk_check")
        daemon.clock.set(opens_at + 78 * MINUTE)
        take_once(browser, daemon, "degraded")
        outage.unlink()
        daemon.fire(opens_at + 90 * MINUTE, *WATCH)
        ask(browser, daemon, "/halt", reason="I doubt the prices of this morning")
        take_once(browser, daemon, "halted")


def times(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield each quarter of an hour from the first to the last."""
    while first <= last:
        yield first
        first += STEP


def vendor(folder: Path) -> Path:
    """Write the feed that may fail; return the file that makes it fail."""
    folder.mkdir(parents=True)
    (folder / "vendor.py").write_text(VENDOR, "utf-8")
    return folder / "outage"


def main() -> None:
    """Make the year where there is none, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    last = history.moments(1)[0]
    today, tomorrow = sessions_between(last.date() + DAY, last.date() + 10 * DAY)[:2]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        state, settings = Path(folder) / "state", settings_folder(Path(folder) / "config", SMALL_RL)
        if len(sys.argv) > 1:
            shutil.copytree(sys.argv[1], state)  # its owner's stays as it is
            (state / "engine.lock").unlink(missing_ok=True)
        else:
            asyncio.run(history.write(state))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        empty(browser, Path(folder) / "new", settings, last)
        full(browser, state, settings, last, today)
        troubled(browser, state, settings, tomorrow[0])
        browser.close()


if __name__ == "__main__":
    main()
