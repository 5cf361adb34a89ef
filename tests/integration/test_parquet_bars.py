from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.calendar import NyseCalendar
from adapters.feeds.panel_feed import PanelFeed
from adapters.parquet.bars import ParquetBars
from config.sectors import UNIVERSE
from config.trading import DataSettings
from core.errors import DataError

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


def test_a_column_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column close is of type string"):
        ParquetBars(write(tmp_path, {**columns(), "close": list("abcd")}), CALENDAR).bars(("SPY",), START, END)


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
