"""The cache on disk in front of the real yfinance: what is asked for, and what a crash or a dividend does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from adapters.calendar import NyseCalendar
from adapters.feeds.bar_store import BarStore, StoredBars
from adapters.feeds.cached_bars import OVERLAP_SESSIONS, CachedBars
from adapters.feeds.rows import SymbolBars
from adapters.feeds.vendor_bars import VendorBars
from adapters.yahoo.bars import YfinanceBars
from core.errors import DataError
from core.types import BarPanel
from tests.servers.yahoo import VENDOR_FOLDER, Row, Yahoo, yahoo_server

CALENDAR = NyseCalendar()
START, MIDWAY, END = date(2024, 1, 2), date(2024, 2, 15), date(2024, 2, 20)
DAYS = [day for day, *_ in CALENDAR.sessions(START, END)]
SYMBOLS = ("AAPL", "SPY")


def rows(base: float, adjust: float = 1.0) -> list[Row]:
    out: list[Row] = []
    for index, day in enumerate(DAYS):
        close = base + index
        out.append((day, close - 1, close + 1, close - 2, close, close * adjust, 1_000_000))
    return out


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with yahoo_server(Yahoo(rows={"AAPL": rows(100.0), "SPY": rows(400.0)})) as server:
        yield server


def cached(yahoo: Yahoo, folder: Path) -> CachedBars:
    vendor = YfinanceBars(
        vendor_folder=VENDOR_FOLDER, timeout_seconds=2.0, session=yahoo.session(), backoff_seconds=0.01
    )
    return CachedBars(vendor, BarStore(folder / "bars.parquet"), CALENDAR)


def fetch(yahoo: Yahoo, folder: Path, end: date = MIDWAY, start: date = START) -> tuple[BarPanel, VendorBars]:
    source = VendorBars(cached(yahoo, folder), CALENDAR)
    yahoo.asked.clear()
    return source.bars(SYMBOLS, start, end), source


def direct(yahoo: Yahoo, end: date) -> BarPanel:
    vendor = YfinanceBars(vendor_folder=VENDOR_FOLDER, timeout_seconds=2.0, session=yahoo.session())
    return VendorBars(vendor, CALENDAR).bars(SYMBOLS, START, end)


def test_what_is_on_disk_is_not_asked_for_again(yahoo: Yahoo, tmp_path: Path) -> None:
    first, _ = fetch(yahoo, tmp_path)
    assert len(yahoo.spans()) == 2
    again, _ = fetch(yahoo, tmp_path)
    assert yahoo.asked == []
    assert again.digest == first.digest == direct(yahoo, MIDWAY).digest
    source = cached(yahoo, tmp_path)
    assert source.lacking(SYMBOLS, START, MIDWAY) == set()
    assert source.lacking(SYMBOLS, START, END) == set(SYMBOLS)


def test_later_sessions_are_asked_for_with_a_small_overlap_only(yahoo: Yahoo, tmp_path: Path) -> None:
    fetch(yahoo, tmp_path)
    later, _ = fetch(yahoo, tmp_path, END)
    overlap = [day for day in DAYS if day <= MIDWAY][-OVERLAP_SESSIONS]
    assert sorted(yahoo.spans()) == [("AAPL", overlap, END), ("SPY", overlap, END)]
    assert later.digest == direct(yahoo, END).digest


def test_a_dividend_changes_the_past_and_fetches_that_symbol_whole(yahoo: Yahoo, tmp_path: Path) -> None:
    fetch(yahoo, tmp_path)
    yahoo.rows["AAPL"] = rows(100.0, adjust=0.9999)  # a cent on a hundred dollars
    later, source = fetch(yahoo, tmp_path, END)
    assert ("AAPL", START, END) in yahoo.spans() and ("SPY", START, END) not in yahoo.spans()
    assert "adjusted anew" in source.notes["AAPL"]
    assert later.digest == direct(yahoo, END).digest


def test_names_whose_bars_ended_are_asked_for_together_whatever_their_last_days(
    yahoo: Yahoo, tmp_path: Path
) -> None:
    source, names = cached(yahoo, tmp_path), [f"D{place}" for place in range(12)]
    old = CALENDAR.sessions(date(2021, 1, 4), date(2021, 12, 31))
    days = np.array([day for day, *_ in old], dtype="datetime64[D]")
    bars = {n: SymbolBars(days[: 100 + place], np.ones((100 + place, 5))) for place, n in enumerate(names)}
    source.store.save(StoredBars(bars=bars, asked_from=dict.fromkeys(names, date(2020, 6, 1))))
    yahoo.rows |= {
        name: [(day, 1.0, 1.0, 1.0, 1.0, 1.0, 1) for day in bars[name].sessions.tolist()] for name in names
    }
    source.rows(["AAPL", "SPY", *names], date(2020, 6, 1), END)
    assert {since for name, since, _ in yahoo.spans() if name in names} == {date(2021, 1, 1)}
    assert {name for name, *_ in yahoo.spans()} == {"AAPL", "SPY", *names}


def test_an_earlier_start_fetches_whole(yahoo: Yahoo, tmp_path: Path) -> None:
    fetch(yahoo, tmp_path, start=DAYS[10])
    whole, _ = fetch(yahoo, tmp_path)
    assert {span[1] for span in yahoo.spans()} == {START}
    assert whole.digest == direct(yahoo, MIDWAY).digest


@pytest.mark.parametrize("damage", ["text", "half", "foreign"])
def test_a_corrupt_cache_is_moved_aside_named_and_fetched_anew(yahoo: Yahoo, tmp_path: Path, damage: str) -> None:
    first, _ = fetch(yahoo, tmp_path)
    path = tmp_path / "bars.parquet"
    whole = path.read_bytes()
    if damage == "foreign":
        _write_foreign(path)
    else:
        path.write_bytes(b"not parquet" if damage == "text" else whole[: len(whole) // 2])
    broken = path.read_bytes()
    again, source = fetch(yahoo, tmp_path)
    assert len(yahoo.spans()) == 2
    assert again.digest == first.digest
    assert "bars.parquet.corrupt" in source.notes["cache"]
    assert (tmp_path / "bars.parquet.corrupt").read_bytes() == broken
    assert fetch(yahoo, tmp_path)[1].notes == {} and yahoo.asked == []


def test_a_failing_vendor_leaves_what_is_on_disk_in_use_and_says_so(yahoo: Yahoo, tmp_path: Path) -> None:
    first, _ = fetch(yahoo, tmp_path)
    yahoo.status = lambda symbol: 429
    old, source = fetch(yahoo, tmp_path, END)
    assert old.digest == first.digest
    assert "could not be fetched" in source.notes["yfinance"]
    assert not list(tmp_path.glob("*.new"))


def test_a_failing_vendor_and_nothing_on_disk_is_a_data_error(yahoo: Yahoo, tmp_path: Path) -> None:
    yahoo.status = lambda symbol: 429
    with pytest.raises(DataError):
        fetch(yahoo, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_the_cache_only(yahoo: Yahoo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    panel, source = fetch(yahoo, tmp_path / "file")
    assert np.isfinite(panel.close).all()
    assert "could not be kept" in source.notes["cache"]


def test_the_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "deep" / "bars.parquet")
    assert store.load() == StoredBars()
    days = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    bars = {
        "SPY": SymbolBars(days, np.arange(10.0).reshape(2, 5)),
        "AAPL": SymbolBars(days[:1], np.array([[1.0, 2, 3, 4, np.nan]])),
    }
    store.save(StoredBars(bars=bars, asked_from={"SPY": START, "AAPL": END}))
    stored = store.load()
    assert stored.asked_from == {"SPY": START, "AAPL": END} and stored.note == ""
    for name, (sessions, table) in bars.items():
        np.testing.assert_array_equal(stored.bars[name][0], sessions)
        np.testing.assert_array_equal(stored.bars[name][1], table)


def _write_foreign(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1, 2]}), path)


def test_a_delisted_name_does_not_keep_the_others_from_being_fetched(
    yahoo: Yahoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.feeds.cached_bars.PORTION_SYMBOLS", 1)
    fetch(yahoo, tmp_path)
    del yahoo.rows["AAPL"]
    yahoo.rows["MSFT"] = rows(200.0)
    source = VendorBars(cached(yahoo, tmp_path), CALENDAR)
    panel = source.bars(("AAPL", "SPY", "MSFT", "GONE"), START, END)
    assert panel.dates[-1] == END
    last = panel.close[-1]
    assert np.isfinite(last[[1, 2]]).all()
    assert np.isnan(last[[0, 3]]).all()
    assert np.isfinite(panel.close[0, 0])
    assert source.name not in source.notes  # the feed as a whole is sound
    assert "has no bars of it since" in source.notes["AAPL"]


def test_what_came_before_a_refusal_is_kept(
    yahoo: Yahoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.feeds.cached_bars.PORTION_SYMBOLS", 1)
    yahoo.status = lambda symbol: 429 if symbol == "SPY" else 200
    _, source = fetch(yahoo, tmp_path)
    assert "bars could not be fetched" in source.notes["yfinance"]
    yahoo.status = lambda symbol: 200
    panel, source = fetch(yahoo, tmp_path)
    assert {symbol for symbol, *_ in yahoo.spans()} == {"SPY"}
    assert np.isfinite(panel.close).all()
