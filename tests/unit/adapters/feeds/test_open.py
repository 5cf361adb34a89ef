"""A feed is opened one way, for sources that end or go on, and for clocks that run or are moved."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock, SystemClock
from adapters.feeds.choose import ChosenSource, SourceRequest
from adapters.feeds.open import open_feed, read_panel
from adapters.feeds.views import HeadlineFeed
from adapters.simulated.market import SimulatedMarket
from config.environment import Environment
from config.trading import DataSettings
from core.errors import RequestError
from core.ports import Clock
from tests.default_universe import DEFAULT

CALENDAR = NyseCalendar()
SYMBOLS = ("AAPL", "MSFT", "XLK", "SPY")
FIRST, LAST = date(2023, 1, 3), date(2024, 3, 11)
NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)
MARKET = SimulatedMarket(CALENDAR, DEFAULT).bars(SYMBOLS, FIRST, LAST)


@pytest.fixture
def recorded(tmp_path: Path) -> SourceRequest:
    path = tmp_path / "bars.parquet"
    rows, columns = MARKET.close.shape
    table = {"date": np.repeat(MARKET.sessions, columns), "ticker": list(SYMBOLS) * rows}
    names = ("open", "high", "low", "close", "volume")
    table |= {name: getattr(MARKET, name).ravel() for name in names}
    pq.write_table(pa.table({**table, "adj_close": MARKET.close.ravel()}), path)
    return request(Environment(provider="parquet", parquet_path=path, state_dir=tmp_path))


def request(environment: Environment) -> SourceRequest:
    return SourceRequest(
        environment=environment, settings=DataSettings(history_years=2), calendar=CALENDAR, now=NOW,
        route_is_builtin=True, universe=DEFAULT.only(("AAPL", "MSFT")),
    )  # fmt: skip


class Headlines:
    """Gives none, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Clock]] = []

    def __call__(self, chosen: ChosenSource, clock: Clock) -> HeadlineFeed:
        self.asked.append((chosen.source.name, clock))
        return lambda at: ()


def test_on_recorded_bars_a_clock_that_runs_is_put_at_their_end(recorded: SourceRequest) -> None:
    headlines = Headlines()
    opened = open_feed(recorded, SystemClock(), headlines)
    assert opened.clock.now() == datetime(2024, 3, 11, 20, tzinfo=UTC) and not opened.clock.is_real_time
    assert headlines.asked == [("parquet", opened.clock)]
    view = opened.feed.view(opened.clock.now())
    assert view.source == "parquet" and view.feed_fault == "" and str(view.session) == "2024-03-11"
    np.testing.assert_allclose(view.bars.close, MARKET.close, rtol=1e-12)


def test_on_recorded_bars_a_clock_that_is_moved_stays_where_it_is(recorded: SourceRequest) -> None:
    clock = ManualClock(datetime(2024, 1, 5, 22, tzinfo=UTC))
    opened = open_feed(recorded, clock, Headlines())
    assert opened.clock is clock
    assert str(opened.feed.view(clock.now()).session) == "2024-01-05"


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(NOW)], ids=["runs", "moved"])
def test_bars_that_go_on_keep_the_clock(tmp_path: Path, clock: Clock) -> None:
    headlines = Headlines()
    opened = open_feed(request(Environment(provider="simulated", state_dir=tmp_path)), clock, headlines)
    assert opened.clock is clock and headlines.asked == [("simulated", clock)]
    view = opened.feed.view(NOW)
    assert view.source == "simulated" and view.feed_fault == "" and str(view.session) == "2024-05-31"


@pytest.mark.parametrize(
    ("wanted", "got"), [(None, "2024-03-11"), (date(2025, 1, 1), "2024-03-11"), (date(2024, 1, 7), "2024-01-05")]
)
def test_a_backtests_panel_ends_with_the_bars_or_with_what_is_wanted(
    recorded: SourceRequest, wanted: date | None, got: str
) -> None:
    panel, source = read_panel(recorded, date(2023, 6, 1), wanted)
    assert source == "parquet" and panel.symbols == SYMBOLS
    assert [str(panel.sessions[place]) for place in (0, -1)] == ["2023-06-01", got]


def test_bars_that_go_on_end_with_now(tmp_path: Path) -> None:
    panel, _ = read_panel(request(Environment(provider="simulated", state_dir=tmp_path)), FIRST, None)
    assert str(panel.sessions[-1]) == "2024-06-03"


def test_a_span_without_bars_is_the_requests_fault(recorded: SourceRequest) -> None:
    with pytest.raises(RequestError, match="no bars from 2024-04-01") as caught:
        read_panel(recorded, date(2024, 4, 1), None)
    assert caught.value.status == 422
