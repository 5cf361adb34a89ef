from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.choose import SourceRequest
from adapters.feeds.open import open_feed
from adapters.feeds.panel_feed import PanelFeed
from adapters.parquet.bars import ParquetBars
from config.environment import read_environment
from config.trading import DataSettings
from core.errors import DataError
from tests.default_universe import DEFAULT, UNIVERSE

CALENDAR = NyseCalendar()
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "universe_daily.parquet"
START, END = date(2024, 1, 1), date(2024, 1, 31)


def columns() -> dict[str, Any]:
    days = [datetime(2024, 1, 2), datetime(2024, 1, 3)]  # noqa: DTZ001  # the file's dates have no zone
    return {
        "date": days * 2,
        "ticker": ["SPY", "SPY", "AAPL", "AAPL"],
        "open": [10.0, 11.0, 20.0, 21.0],
        "high": [12.0, 13.0, 22.0, 23.0],
        "low": [9.0, 10.0, 19.0, 20.0],
        "close": [11.0, 12.0, 21.0, 22.0],
        "adj_close": [5.5, 6.0, 21.0, 22.0],
        "volume": [100, 200, 300, 400],
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "bars.parquet"
    pq.write_table(pa.table(content), path)
    return path


def test_prices_are_total_return_and_volume_is_as_it_was(tmp_path: Path) -> None:
    panel = ParquetBars(write(tmp_path, columns()), CALENDAR).bars(("AAPL", "SPY", "GONE"), START, END)
    np.testing.assert_array_equal(panel.open[:, 1], [5.0, 5.5])
    np.testing.assert_array_equal(panel.high[:, 1], [6.0, 6.5])
    np.testing.assert_array_equal(panel.low[:, 1], [4.5, 5.0])
    np.testing.assert_array_equal(panel.close, [[21.0, 5.5, np.nan], [22.0, 6.0, np.nan]])
    np.testing.assert_array_equal(panel.volume[:, 0], [300, 400])


def test_the_clock_stands_at_the_close_of_the_last_session(tmp_path: Path) -> None:
    source = ParquetBars(write(tmp_path, columns()), CALENDAR)
    assert source.recorded_end() == (date(2024, 1, 3), datetime(2024, 1, 3, 21, tzinfo=UTC))
    assert source.quotes(("SPY",), datetime(2024, 1, 3, 16, tzinfo=UTC)) == {}


@pytest.mark.parametrize("name", sorted(columns()))
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    content = columns()
    del content[name]
    with pytest.raises(DataError, match=f"no column {name}"):
        ParquetBars(write(tmp_path, content), CALENDAR).bars(("SPY",), START, END)


DAYS = [date(2024, 1, 2), date(2024, 1, 3)]
SECONDS = [1704153600, 1704240000]
READ: dict[str, Any] = {
    "dates": pa.array(DAYS, pa.date32()),
    "dates of 64 bits": pa.array(DAYS, pa.date64()),
    "days as numbers": [20240102, 20240103],
    "days as numbers of 32 bits": pa.array([20240102, 20240103], pa.int32()),
    "days as numbers with a point": [20240102.0, 20240103.0],
    "seconds": SECONDS,
    "milliseconds": [one * 1_000 for one in SECONDS],
    "microseconds": [one * 1_000_000 for one in SECONDS],
    "nanoseconds": [one * 1_000_000_000 for one in SECONDS],
    "seconds at the close": [one + 21 * 3600 for one in SECONDS],
    "text": ["2024-01-02", "2024-01-03"],
    "text without hyphens": ["20240102", "20240103"],
    "text with a time": ["2024-01-02T00:00:00", "2024-01-03 00:00:00"],
    "text with New York's midnight": ["2024-01-02T00:00:00-05:00", "2024-01-03T00:00:00-05:00"],
    "text as categories": pa.array(["2024-01-02", "2024-01-03"]).dictionary_encode(),
    "nanoseconds as pandas writes them": pa.array([one * 10**9 for one in SECONDS], pa.timestamp("ns")),
    "New York's midnight": pa.array([one + 5 * 3600 for one in SECONDS], pa.timestamp("s", "America/New_York")),
    "Tokyo's midnight": pa.array([one - 9 * 3600 for one in SECONDS], pa.timestamp("s", "Asia/Tokyo")),
}  # fmt: skip
REFUSED: dict[str, tuple[Any, str, str]] = {
    "one null": (pa.array([DAYS[0], None], pa.date32()), "date32", "no value in row 3 (1 such rows of 4)"),
    "one null among moments": (pa.array([SECONDS[0], None], pa.timestamp("s")), "timestamp", "no value in row 3"),
    "one null among numbers": ([20240102, None], "int64", "no value in row 3"),
    "one null among floats": ([20240102.0, float("nan")], "double", "no value in row 3"),
    "one null among texts": (["2024-01-02", None], "string", "no value in row 3"),
    "a day that there is not": ([20240102, 20240230], "int64", "row 3 has 20240230"),
    "two kinds of numbers": ([20240102, SECONDS[1]], "int64", "row"),
    "two units": ([SECONDS[0], SECONDS[0] * 1_000], "int64", "row"),
    "days since 1970, or Excel's": ([19724, 19725], "int64", "row 0 has 19724"),
    "parts of a day": ([20240102.5, 20240103.0], "double", "row 0 has 20240102.5"),
    "an infinite day": ([20240102.0, float("inf")], "double", "row 3 has inf"),
    "text of two readings": (["01/02/2024", "01/03/2024"], "string", "row 0 has '01/02/2024'"),
    "one text that is none": (["2024-01-02", "tomorrow"], "string", "row 3 has 'tomorrow'"),
    "empty text": (["2024-01-02", ""], "string", "row 3 has ''"),
    "the year 9999": (pa.array([DAYS[0], date(9999, 1, 1)], pa.date32()), "date32", "row 3 has datetime"),
    "truth": ([True, False], "bool", "row 0 has True"),
    "lists": ([[1], [2]], "list", "row 0 has [1]"),
    "bytes": ([b"2024-01-02", b"2024-01-03"], "binary", "row 0 has b'2024-01-02'"),
    "a zone that there is not": (pa.array(SECONDS, pa.timestamp("s", "Mars/Base")), "Mars", "cannot be read"),
}  # fmt: skip


def twice(values: Any) -> Any:
    """Repeat a column's two days for the second ticker."""
    return pa.concat_arrays([values, values]) if isinstance(values, pa.Array) else [*values, *values]


@pytest.mark.parametrize("form", READ)
def test_dates_in_a_form_with_one_reading_are_read(tmp_path: Path, form: str) -> None:
    as_ever = ParquetBars(write(tmp_path, columns()), CALENDAR).bars(("AAPL", "SPY"), START, END)
    source = ParquetBars(write(tmp_path, {**columns(), "date": twice(READ[form])}), CALENDAR)
    assert source.recorded_end().session == date(2024, 1, 3)
    panel = source.bars(("AAPL", "SPY"), START, END)
    np.testing.assert_array_equal(panel.sessions, as_ever.sessions)
    np.testing.assert_array_equal(panel.close, as_ever.close)
    assert np.isfinite(panel.close).all()


@pytest.mark.parametrize("form", REFUSED)
def test_dates_without_one_reading_are_refused_with_file_column_type_and_row(tmp_path: Path, form: str) -> None:
    values, kind, words = REFUSED[form]
    rows = pa.array(values) if not isinstance(values, pa.Array) else values
    path = write(tmp_path, {**columns(), "date": pa.concat_arrays([rows[:1], rows[:1], rows])})
    for ask in (
        ParquetBars(path, CALENDAR).recorded_end,
        lambda: ParquetBars(path, CALENDAR).bars(("SPY",), START, END),
    ):
        with pytest.raises(DataError) as caught:
            ask()
        told = str(caught.value)
        assert str(path) in told and "column date" in told and kind in told and words in told, told


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("close", list("abcd"), "column close is of type string, row 0 has 'a'"),
        ("close", ["11.0", "12", "x", "22"], "column close is of type string, row 2 has 'x'"),
        ("volume", [True] * 4, "column volume is of type bool"),
        ("open", [[1.0]] * 4, "column open is of type list"),
        ("ticker", [1, 2, 3, 4], "column ticker is of type int64, row 0 has 1"),
        ("ticker", ["SPY", None, "SPY", "AAPL"], "column ticker, of type string, has no value in row 1"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path: Path, name: str, values: Any, words: str) -> None:
    path = write(tmp_path, {**columns(), name: values})
    with pytest.raises(DataError) as caught:
        ParquetBars(path, CALENDAR).bars(("SPY",), START, END)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "values", [["11.0", "12", "21", "22.0"], [Decimal(11), Decimal(12), Decimal(21), Decimal(22)]]
)
def test_numbers_as_text_or_decimals_are_read(tmp_path: Path, values: Any) -> None:
    panel = ParquetBars(write(tmp_path, {**columns(), "close": values}), CALENDAR).bars(("AAPL",), START, END)
    np.testing.assert_array_equal(panel.close[:, 0], [21.0, 22.0])


def test_tickers_in_small_letters_or_categories_are_read_and_said(tmp_path: Path) -> None:
    small = pa.array([" spy", "spy ", "Aapl", "Aapl"]).dictionary_encode()
    source = ParquetBars(write(tmp_path, {**columns(), "ticker": small}), CALENDAR)
    panel = source.bars(("AAPL", "SPY", "GONE"), START, END)
    np.testing.assert_array_equal(panel.close[:, :2], [[21.0, 5.5], [22.0, 6.0]])
    assert source.notes == {
        "tickers in another spelling": "Aapl, spy read as AAPL, SPY", "tickers not in the file": "GONE",
    }  # fmt: skip


def test_two_spellings_of_one_ticker_are_not_mixed(tmp_path: Path) -> None:
    source = ParquetBars(write(tmp_path, {**columns(), "ticker": ["aapl", "Aapl", "SPY", "SPY"]}), CALENDAR)
    assert np.isnan(source.bars(("AAPL", "SPY"), START, END).close[:, 0]).all()
    assert source.notes == {"tickers not in the file": "AAPL"}


def test_a_file_of_other_tickers_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, {**columns(), "ticker": ["BTC", "BTC", "ETH", "ETH"]})
    with pytest.raises(DataError, match=r"has none of the 2 tickers wanted \(AAPL, SPY\).* BTC, ETH"):
        ParquetBars(path, CALENDAR).bars(("AAPL", "SPY"), START, END)


def test_duplicates_and_impossible_prices_reach_the_feeds_notes(tmp_path: Path) -> None:
    content = columns()
    for name in content:
        content[name] = content[name] + content[name][:1]  # the first bar of SPY again, with another price
    content["close"][-1] = 11.5
    content["open"][2], content["high"][3] = -20.0, float("inf")
    opened = open_feed(
        SourceRequest(
            environment=read_environment({"DATA_PROVIDER": f"parquet:{write(tmp_path, content)}"}),
            settings=DataSettings(),
            calendar=CALENDAR,
            route_is_builtin=True,
            now=datetime(2024, 1, 4, tzinfo=UTC),
            universe=DEFAULT.only(["AAPL"]),
        ),
        ManualClock(datetime(2024, 1, 4, tzinfo=UTC)),
        lambda *_: None,
    )
    said = "\n".join(opened.feed.notes)
    assert "2 contradictory duplicate rows, dropped: 2024-01-02" in said
    assert "AAPL: a price that is not positive in 2 sessions" in said


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.6, 0.95])
def test_a_cut_file_is_named(tmp_path: Path, kept: float) -> None:
    path = write(tmp_path, columns())
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * kept)])
    with pytest.raises(DataError, match=r"bars\.parquet cannot be read as parquet"):
        ParquetBars(path, CALENDAR).recorded_end()


def test_a_file_without_rows_and_one_with_a_column_twice_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, {name: pa.array(column)[:0] for name, column in columns().items()})
    with pytest.raises(DataError, match=r"bars\.parquet holds no bars"):
        ParquetBars(path, CALENDAR).recorded_end()
    names = [*columns(), "date"]
    pq.write_table(pa.table([pa.array(columns()[name]) for name in names], names=names), path)
    with pytest.raises(DataError, match=r"bars\.parquet has the column date twice"):
        ParquetBars(path, CALENDAR).recorded_end()


def test_a_file_that_is_no_parquet_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_text("no parquet")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        ParquetBars(path, CALENDAR).bars(("SPY",), START, END)
    with pytest.raises(DataError, match="cannot be read as parquet"):
        ParquetBars(tmp_path / "none.parquet", CALENDAR).recorded_end()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_the_recorded_universe_passes_the_gate_and_is_total_return() -> None:
    source = ParquetBars(SHARED, CALENDAR)
    session, closes_at = source.recorded_end()
    assert session == date(2025, 2, 28)
    panel = source.bars(UNIVERSE, date(2016, 1, 1), session)
    assert source.notes == {} and panel.close.shape[1] == len(UNIVERSE)
    assert len(panel.sessions) == len(CALENDAR.sessions(date(2016, 3, 14), session))
    feed = PanelFeed(panel, DataSettings(), CALENDAR, source="parquet")
    assert feed.notes == ()
    view = feed.view(closes_at)
    assert view.feed_fault == "" and view.stale == {} and str(view.session) == "2025-02-28"
    table = pq.read_table(SHARED, filters=[("ticker", "==", "KO")]).to_pandas().set_index("date")
    np.testing.assert_allclose(panel.close[:, panel.column["KO"]], table["adj_close"].to_numpy(), rtol=1e-12)
