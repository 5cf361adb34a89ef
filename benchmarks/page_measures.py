"""What the dashboard's benchmark does beside its first chart: trades for the ledger, a day's events, the heap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, WebSocketRoute

SYMBOLS = ("NVDA", "AAPL", "JPM", "LLY", "AMZN", "META", "CAT", "XOM", "WMT", "VRTX")
FIRST = datetime(2015, 1, 5, 15, tzinfo=UTC)
DECISIONS, SIGNALS_A_DECISION, CHECKS = 28, 40, 84
"""Of a day with the jobs on: a decision each quarter of an hour, a check each five minutes, 9:00 to 16:00."""
BATCH = 200
RESULT_MS = """async (work) => {
  const begin = performance.now();
  (0, eval)(work);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begin;
}"""


def add_round_trips(ledger: Path, count: int) -> int:
    """Write closed round trips of a dollar's profit or loss into a ledger, as old fills; return the count."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        held = int(connection.execute("SELECT count(*) FROM fills WHERE side = 'sell'").fetchone()[0])
        rows = [row for number in range(count - held) for row in _fills(number)]
        connection.executemany(
            "INSERT OR IGNORE INTO fills (fill_id, client_order_id, symbol, side, quantity, price, fee, at, "
            "rule, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return max(count, held)


def _fills(number: int) -> Iterator[tuple[str, ...]]:
    symbol, profit = SYMBOLS[number % len(SYMBOLS)], 1 if number % 3 else -1
    sides = (("buy", 100, "score"), ("sell", 100 + profit, "take_profit" if profit > 0 else "stop_loss"))
    for part, (side, price, rule) in enumerate(sides):
        at = (FIRST + timedelta(hours=8 * number + 4 * part)).isoformat(timespec="microseconds")
        name = f"old-{number}-{side}"
        yield (name, name, symbol, side, "1", str(price), "0.00", at, rule, str(-2 * 10**6 + 2 * number + part))


def trades_page(page: Page, port: int, trades_min: int) -> dict[str, float]:
    """Open Trades; give the milliseconds to open, sort, turn and filter it."""
    page.goto(f"http://127.0.0.1:{port}/#/trades")
    page.wait_for_selector("#trades tbody tr")
    said = page.locator("#trades [role=status]").inner_text()
    assert int(said.split()[0]) >= trades_min, said
    opened = float(page.evaluate("performance.now()"))
    heads = "document.querySelectorAll('#trades button.sort')"
    sorts = [_median(page, f"{heads}[{index}].click()") for index in (0, 1, 10)]
    turn = "document.querySelector('#trades [role=group] button:last-of-type').click()"
    word = "const s = document.querySelector('#trades input'); s.value = s.value ? '' : 'nvda'; "
    return {
        "trades_open_ms": round(opened),
        "trades_sort_ms": round(max(sorts), 1),
        "trades_turn_ms": round(_median(page, turn), 1),
        "trades_scroll_ms": round(_median(page, "scrollBy(0, 900)"), 1),
        "trades_filter_ms": round(_median(page, f"{word} s.dispatchEvent(new Event('input'))"), 1),
    }  # fmt: skip


def _median(page: Page, work: str, times: int = 5) -> float:
    return sorted(float(page.evaluate(RESULT_MS, f"{{ {work} }}")) for _ in range(times))[times // 2]


MARK = ("portfolio.update", {"equity": "101250.40", "drawdown": -0.01})
DECIDED = [
    *(("signal.buy", {"ticker": "NVDA", "score": 0.41, "n": n}) for n in range(SIGNALS_A_DECISION)),
    MARK,
    ("regime.update", {"regime": "low_vol", "confidence": 0.9}),
]
CHECKED = [MARK, ("risk.alert", {"rule": "stale", "text": "AAPL is left out"})]


def day_of_events() -> list[str]:
    """Give the events of 24 hours with the jobs on, as the stream sends them."""
    begin = datetime(2025, 6, 30, 13, tzinfo=UTC)
    day = (DECIDED + CHECKED * (CHECKS // DECISIONS)) * DECISIONS
    return [
        json.dumps({"type": kind, "seq": n, "at": (begin + timedelta(seconds=n)).isoformat(), "data": data})
        for n, (kind, data) in enumerate(day, 1)
    ]


def heap_growth(browser: Browser, port: int) -> dict[str, float]:
    """Pump a day's events into an open page twice; give the heap after the first day and after the second."""
    context = browser.new_context()
    page = context.new_page()
    sockets: list[WebSocketRoute] = []

    def hold(socket: WebSocketRoute) -> None:
        sockets.append(socket)

    page.route_web_socket("**/ws/stream", hold)
    page.goto(f"http://127.0.0.1:{port}/#/log")
    page.wait_for_selector("#equity-chart[data-drawn]", state="attached")
    session = context.new_cdp_session(page)
    events, heard = day_of_events(), "(n) => document.querySelector('#counted').textContent.startsWith(n)"

    def heap() -> float:
        page.wait_for_timeout(3_000)
        session.send("HeapProfiler.collectGarbage")
        return float(session.send("Runtime.getHeapUsage")["usedSize"])

    opened = heap()
    found: list[float] = []
    for day in (1, 2):
        for place in range(0, len(events), BATCH):
            for event in events[place : place + BATCH]:
                sockets[-1].send(event)
            page.wait_for_timeout(50)
        page.wait_for_function(heard, arg=f"{day * len(events)} ")
        found.append(heap())
    context.close()
    return {
        "events_a_day": len(events),
        "heap_opened_mb": round(opened / 1e6, 2),
        "heap_after_a_day_mb": round(found[0] / 1e6, 2),
        "heap_after_two_days_mb": round(found[1] / 1e6, 2),
        "heap_growth_pct": round(100 * (found[0] / opened - 1), 1),
    }
