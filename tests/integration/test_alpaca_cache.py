"""The cache on disk in front of the real alpaca-py: what is asked for, and what a dividend or a damage does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.calendar import NyseCalendar
from adapters.feeds.action_table import NO_ACTIONS
from adapters.feeds.bar_store import BarStore
from adapters.feeds.cached_bars import OVERLAP_SESSIONS, CachedBars, compare_nothing
from adapters.feeds.vendor_bars import VendorBars
from core.types import BarPanel
from tests.servers.alpaca_data import AlpacaData, alpaca_data_server, bar

CALENDAR = NyseCalendar()
START, MIDWAY, END = date(2024, 1, 2), date(2024, 2, 15), date(2024, 2, 20)
DAYS = [day for day, *_ in CALENDAR.sessions(START, END)]
SYMBOLS = ("AAPL", "SPY")


@pytest.fixture
def alpaca() -> Iterator[AlpacaData]:
    bars = {
        name: [bar(str(day), base + k) for k, day in enumerate(DAYS)]
        for name, base in (("AAPL", 100.0), ("SPY", 400.0))
    }
    with alpaca_data_server(AlpacaData(bars=bars)) as server:
        yield server


def vendor(alpaca: AlpacaData) -> AlpacaBars:
    return AlpacaBars(connect("key", "secret", timeout_seconds=2.0, url_override=alpaca.url), CALENDAR)


def fetch(alpaca: AlpacaData, folder: Path, end: date = MIDWAY) -> tuple[BarPanel, VendorBars]:
    store = BarStore(folder / "bars-alpaca.parquet")
    source = VendorBars(CachedBars(vendor(alpaca), store, CALENDAR, compare_nothing), CALENDAR)
    alpaca.asked.clear()
    return source.bars(SYMBOLS, START, end), source


def direct(alpaca: AlpacaData, end: date) -> BarPanel:
    return VendorBars(vendor(alpaca), CALENDAR).bars(SYMBOLS, START, end)


def test_a_restart_asks_for_nothing_and_a_later_session_with_a_small_overlap(
    alpaca: AlpacaData, tmp_path: Path
) -> None:
    first, _ = fetch(alpaca, tmp_path)
    assert len(alpaca.asked) == 1
    again, _ = fetch(alpaca, tmp_path)
    assert alpaca.asked == []
    assert again.digest == first.digest == direct(alpaca, MIDWAY).digest
    later, _ = fetch(alpaca, tmp_path, END)
    overlap = [day for day in DAYS if day <= MIDWAY][-OVERLAP_SESSIONS]
    assert [query["start"][:10] for _, query in alpaca.asked] == [str(overlap)]
    assert later.digest == direct(alpaca, END).digest


def test_a_dividend_fetches_that_symbol_whole_and_leaves_no_doubt(alpaca: AlpacaData, tmp_path: Path) -> None:
    """Alpaca lists no actions beside its bars: a restated past is no contradiction there."""
    fetch(alpaca, tmp_path)
    alpaca.bars["AAPL"] = [bar(str(day), (100.0 + k) * 0.9) for k, day in enumerate(DAYS)]
    later, source = fetch(alpaca, tmp_path, END)
    assert sorted((query["symbols"], query["start"][:10]) for _, query in alpaca.asked)[0] == ("AAPL", str(START))
    assert "adjusted anew" in source.notes["AAPL"]
    assert later.digest == direct(alpaca, END).digest
    assert source.actions() == NO_ACTIONS


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", b"PAR1" + bytes(200) + b"PAR1"])
def test_a_damaged_file_is_moved_aside_named_and_fetched_anew(
    alpaca: AlpacaData, tmp_path: Path, damage: bytes
) -> None:
    fetch(alpaca, tmp_path)
    (tmp_path / "bars-alpaca.parquet").write_bytes(damage)
    again, source = fetch(alpaca, tmp_path)
    assert again.digest == direct(alpaca, MIDWAY).digest
    assert "corrupt" in source.notes["cache"]
    assert not any(noise in source.notes["cache"] for noise in ("Traceback", "0x", "Errno"))
    assert (tmp_path / "bars-alpaca.parquet.corrupt").read_bytes() == damage


def test_an_outage_serves_what_is_on_disk_and_says_so(alpaca: AlpacaData, tmp_path: Path) -> None:
    before, _ = fetch(alpaca, tmp_path)
    alpaca.refusals = [403]
    served, source = fetch(alpaca, tmp_path, END)
    assert served.digest == before.digest
    assert "those on disk are used" in source.notes["alpaca"]
