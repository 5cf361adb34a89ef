"""The letter of driven sessions: every figure computed again from the files by other means, a gap named."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from core.letter import Letter
from daemon.letter_store import LetterStore
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven, in_new_york

EAGER = {
    "quant": SMALL_MODELS["quant"] | {"candidate_probability_min": 0.2},
    "synthesizer": {"buy_score_min": 0.0},
    "broker": {"fee_bps": 1.0},
}
GAP = "no step from 11:00 to 12:05 New York"
DAY, NEXT_DAY = date(2021, 11, 24), date(2021, 11, 26)


class Lived(NamedTuple):
    folder: TemporaryDirectory[str]
    state: Path
    letter: Letter
    page: str
    text: str
    outcome: str


@cache
def lived() -> Lived:
    """From one session's afternoon to the letter of the next, a half day; nobody there from 11 to 12."""
    folder = TemporaryDirectory()
    state, settings = Path(folder.name) / "state", Path(folder.name) / "config"
    shutil.copytree(models().name, state / "models")
    settings.mkdir()
    own_settings(settings)
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **EAGER}))

    async def live() -> Lived:
        async with driven(state, in_new_york(DAY, 15, 20), settings=settings) as it:
            await it.run_until(in_new_york(DAY, 16, 30))
        begins = in_new_york(NEXT_DAY, 9, 40)
        async with driven(state, begins, settings=settings, NOTIFY_URLS="json://127.0.0.1:9/") as it:
            await it.run_until(in_new_york(NEXT_DAY, 11))
            it.clock.set(in_new_york(NEXT_DAY, 12))
            await it.run_until(in_new_york(NEXT_DAY, 16, 30))
            letters = it.daemon.letters
            letter = letters.letter(NEXT_DAY.isoformat())
            assert letter is not None
            (job,) = (job for job in it.cron.timetable().jobs if job.name == "letter")
            return Lived(folder, state, letter, letters.page(letter), letters.text(letter), job.last_outcome)

    return asyncio.run(live())


def rows(name: str, sql: str, *values: str) -> Iterator[tuple[Any, ...]]:
    connection = sqlite3.connect(lived().state / name)
    try:
        yield from connection.execute(sql, values)
    finally:
        connection.close()


def traded(name: str, day: str = "") -> list[tuple[str, float, float, float, float]]:
    """Side, quantity, price, reference price and fee of each fill (of one day in UTC), straight from the file."""
    sql = (
        "SELECT f.side, f.quantity, f.price, o.reference_price, f.fee FROM fills f JOIN orders o "
        "ON o.client_order_id = f.client_order_id WHERE f.at LIKE ? ORDER BY f.sequence"
    )
    return [(s, float(q), float(p), float(r), float(fee)) for s, q, p, r, fee in rows(name, sql, f"{day}%")]


def cost_of(fills: list[tuple[str, float, float, float, float]]) -> float:
    return sum((price - at if side == "buy" else at - price) * n for side, n, price, at, _ in fills)


def test_the_job_wrote_it_after_the_close() -> None:
    letter = lived().letter
    assert lived().outcome.startswith(f"letter of {NEXT_DAY}")
    assert letter.written_at.startswith("2021-11-26T21:20")
    assert (lived().state / "letters" / f"{NEXT_DAY}.html").read_text("utf-8") == lived().page
    assert (lived().state / "letters" / f"{DAY}.json").exists()
    assert LetterStore(lived().state / "letters").read(NEXT_DAY.isoformat()) == letter


def test_its_short_text_is_kept_for_the_receivers_once() -> None:
    told = list(rows("notifications.sqlite", "SELECT key, text FROM notifications WHERE key LIKE 'letter:%'"))
    assert told == [(f"letter:{NEXT_DAY}", lived().text)]


def test_its_fills_and_costs_are_those_of_the_ledger() -> None:
    letter, today, ever = lived().letter, traded("ledger.sqlite", NEXT_DAY.isoformat()), traded("ledger.sqlite")
    assert len(ever) > 5 and len(ever) > len(today) > 0
    found = [(f.side, f.quantity, f.price, f.reference_price, f.fee) for f in letter.fills]
    assert found == today
    for line in letter.fills:
        sign = 1 if line.side == "buy" else -1
        assert line.cost_bps == pytest.approx(sign * (line.price / line.reference_price - 1) * 1e4)
    for costs, fills in ((letter.costs_day, today), (letter.costs_to_date, ever)):
        value = sum(n * at for _, n, _, at, _ in fills)
        assert costs.fills == len(fills)
        assert costs.value_usd == pytest.approx(value)
        assert costs.cost_usd == pytest.approx(cost_of(fills))
        assert costs.seen_bps == pytest.approx(cost_of(fills) / value * 1e4)
        assert costs.fees_usd == pytest.approx(sum(fee for *_, fee in fills))
        assert costs.assumed_bps == 3.5


def test_its_steps_and_orders_are_those_of_the_ledger() -> None:
    letter = lived().letter
    reports = [json.loads(body) for (body,) in rows(
        "ledger.sqlite", "SELECT report FROM steps WHERE as_of LIKE ? ORDER BY sequence", f"{NEXT_DAY}%"
    )]  # fmt: skip
    assert letter.steps == len(reports) > 20
    assert letter.decisions == sum(report["cycle"]["name"] == "decide" for report in reports)
    assert letter.proven_steps == letter.steps, letter.unproven
    orders = list(rows(
        "ledger.sqlite",
        "SELECT symbol, side, status FROM orders WHERE created_at LIKE ? AND status != 'proposed' "
        "ORDER BY sequence",
        f"{NEXT_DAY}%",
    ))  # fmt: skip
    assert [(o.symbol, o.side, o.status) for o in letter.sent] == orders
    last = next(r for r in reversed(reports) if r["cycle"]["name"] == "decide")
    assert [o.symbol for o in letter.tomorrow] == [a["order"]["symbol"] for a in last["plan"]["approved"]]
    held = last["plan"]["portfolio"]["positions"]
    assert {h.symbol: h.quantity for h in letter.held} == {s: float(p["quantity"]) for s, p in held.items()}
    assert all(h.stop_price is not None and h.stop_price < h.last_price for h in letter.held)


def test_the_stretch_without_a_step_is_named() -> None:
    assert [line for line in lived().letter.missed if "no step from" in line] == [GAP]


def test_the_books_days_and_the_tracking_difference_are_those_of_the_closes() -> None:
    letter = lived().letter
    closes: dict[str, list[float]] = {}
    for name, equity in rows("shadow/evidence.sqlite", "SELECT name, equity FROM closes ORDER BY session"):
        closes.setdefault(name, []).append(float(equity))
    assert len(closes["account"]) == 3
    for book in letter.shadow_books:
        assert book.return_day is not None
        assert book.return_day == pytest.approx(closes[book.name][-1] / closes[book.name][-2] - 1)
        base = closes["baseline"][-1] / closes["baseline"][-2] - 1
        if book.excess_day is not None:
            assert book.excess_day == pytest.approx(book.return_day - base)
    assert letter.return_day == pytest.approx(letter.equity / closes["account"][-2] - 1)
    tracking = letter.tracking
    assert tracking.against == "runbook"
    assert tracking.account_return == pytest.approx(closes["account"][-1] / closes["account"][0] - 1)
    money = [cause.usd for cause in tracking.causes if cause.usd is not None]
    assert tracking.difference_usd == pytest.approx(sum(money))
    assert tracking.difference_usd == pytest.approx(
        (closes["account"][-1] / closes["account"][0] - closes["runbook"][-1] / closes["runbook"][0])
        * closes["account"][0]
    )
    assert tracking.steps > 20
    assert tracking.equal_steps == tracking.steps, tracking.first_difference


class Links(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in ("src", "href")]
        assert tag not in ("script", "link", "img", "iframe")


def test_the_page_needs_no_other_file_and_the_text_is_short() -> None:
    links = Links()
    links.feed(lived().page)
    assert not links.found
    assert "url(" not in lived().page
    assert GAP in lived().page
    assert str(NEXT_DAY) in lived().text
    assert len(lived().text) < 1_500
