"""`python -m tests.simulation.letter_week` takes the picture of a letter, after a week with three faults.

The broker is the stand-in for Alpaca. From Tuesday's close on every order trades 25 basis points worse than the
market, on Wednesday a position pays a dividend that its book on paper does not get, and on Friday nothing runs
from 11 to 12. The daemon is whole, its clock is driven.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import structlog
from PIL import Image
from playwright.sync_api import sync_playwright

from core.letter import Letter
from tests.simulation.alpaca_days import days_from, eager_settings
from tests.simulation.driven import in_new_york as at

MONDAY, TUESDAY, WEDNESDAY, _, FRIDAY = (date(2021, 6, 7) + timedelta(days=n) for n in range(5))
PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "letter.png"
NEXT_MONDAY = MONDAY + timedelta(days=7)
SLIPPAGE, DIVIDEND_USD = "0.0025", "0.75"
EVENING, COLOURS = 17, 64


async def week(folder: Path) -> tuple[Letter, str]:
    """Live through the week; return Friday's letter, written anew once its closes are known, and its page."""
    settings = eager_settings(folder / "config", shadow={"without_agents": False})
    async with days_from(folder / "state", at(MONDAY, 8), settings=settings, days=7) as days:
        await days.run_until(at(TUESDAY, EVENING))
        days.admin.call("settings", slippage=SLIPPAGE)
        await days.run_until(at(WEDNESDAY, 7))
        held = sorted(days.admin.book()["positions"])
        assert held, "nothing is held"
        days.admin.call("event", event="dividend", symbol=held[0], each=DIVIDEND_USD)
        await days.run_until(at(FRIDAY, 11))
        days.street.move(at(FRIDAY, 12))
        days.driven.clock.set(at(FRIDAY, 12))
        await days.run_until(at(NEXT_MONDAY, 9, 20))
        letters = days.driven.daemon.letters
        letter = letters.write_letter()
        assert letter.session == FRIDAY.isoformat()
        print(letters.text(letter))
        return letter, letters.page(letter)


def picture(page: str, path: Path) -> None:
    """Write a page down as an image."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="light")
        tab.set_content(page)
        with Image.open(BytesIO(tab.screenshot(full_page=True))) as taken:
            taken.convert("RGB").quantize(COLOURS).save(path, optimize=True)
        browser.close()


def main() -> None:
    logging.getLogger("adapters").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        letter, page = asyncio.run(week(Path(folder)))
    assert letter.missed, "nothing was missed"
    assert letter.costs_to_date.fills, "nothing was filled"
    picture(page, Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)


if __name__ == "__main__":
    main()
