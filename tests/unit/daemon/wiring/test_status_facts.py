"""What the status says is degraded."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

from core.universe import Sector, Span, Universe
from daemon.log_stream import LogStream
from daemon.wiring.status_facts import held_outside, lost_log, without_members


def test_a_log_that_was_lost_is_told_with_how_much_of_it() -> None:
    reader = io.StringIO()
    stream = LogStream(reader)
    stream.write("taken")
    assert lost_log(stream) == []
    reader.close()
    stream.write("lost")
    stream.write("lost too")
    (told,) = lost_log(stream)
    assert told.startswith("log: 2 writes were lost")
    assert "Trading goes on" in told


def test_another_stream_tells_nothing() -> None:
    assert lost_log(io.StringIO()) == []


def test_a_universe_to_which_no_stock_belongs_today_is_told() -> None:
    noon = datetime(2025, 3, 3, 17, tzinfo=UTC)
    sectors = {"Other": Sector("SPY", ("AAPL", "MSFT"))}
    later = {stock: (Span(date(2030, 1, 2), None),) for stock in ("AAPL", "MSFT")}
    (told,) = without_members(Universe(name="mine", source="t", sectors=sectors, membership=later), noon)
    assert told.startswith("universe mine: none of its 2 stocks belongs to it today")
    one = Universe(name="mine", source="t", sectors=sectors, membership={"AAPL": later["AAPL"]})
    assert without_members(one, noon) == []
    assert without_members(Universe(name="mine", source="t", sectors=sectors), noon) == []


def test_what_is_held_and_left_the_universe_is_told() -> None:
    noon = datetime(2025, 3, 3, 17, tzinfo=UTC)
    left = {"AAPL": (Span(None, date(2025, 2, 28)),), "MSFT": (Span(None, date(2025, 3, 3)),)}
    mine = Universe(
        name="mine", source="t", sectors={"A": Sector("XLK", ("AAPL", "MSFT", "KO"))}, membership=left
    )
    (told,) = held_outside(mine, ["MSFT", "TSM", "AAPL", "KO"], noon)
    assert told.startswith("universe mine: held, and not of it today: AAPL, TSM. Exit rules hold for it")
    assert held_outside(mine, ["MSFT", "KO"], noon) == []
    assert held_outside(mine, [], noon) == []
