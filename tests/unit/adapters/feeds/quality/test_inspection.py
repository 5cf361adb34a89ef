from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import NyseCalendar
from adapters.feeds.panel_feed import PanelFeed
from adapters.feeds.quality import RECENT_SESSIONS, Inspection, inspect
from adapters.simulated.market import SimulatedMarket
from config.trading import DataSettings
from core.types import BarPanel
from tests.default_universe import DEFAULT

SETTINGS = DataSettings()
SYMBOLS = ("AAPL", "MSFT", "NVDA", "JPM", "XOM", "COST", "AMD", "SPY")
FIELDS = ("open", "high", "low", "close", "volume")
CALENDAR = NyseCalendar()
PANEL = SimulatedMarket(CALENDAR, DEFAULT, seed=5).bars(SYMBOLS, date(2020, 1, 2), date(2023, 6, 30))
LAST = len(PANEL.sessions) - 1
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def edited(row: int, symbol: str, values: dict[str, float], panel: BarPanel = PANEL) -> BarPanel:
    arrays = {name: getattr(panel, name).copy() for name in values}
    for name, value in values.items():
        arrays[name][row, panel.column[symbol]] = value
    return replace(panel, **arrays)


def split_at(row: int, symbol: str, ratio: float) -> BarPanel:
    """The panel with an unadjusted split: prices from `row` on are divided by the ratio."""
    arrays = {name: getattr(PANEL, name).copy() for name in FIELDS}
    for name in FIELDS:
        arrays[name][row:, PANEL.column[symbol]] *= ratio if name == "volume" else 1 / ratio
    return replace(PANEL, **arrays)


def quiet_session() -> int:
    """The first session whose open and close are near the last close."""
    last = PANEL.close[:-1, 0]
    moves = np.maximum(np.abs(PANEL.close[1:, 0] / last - 1), np.abs(PANEL.open[1:, 0] / last - 1))
    return int(np.flatnonzero(moves[50:] < 0.005)[0]) + 51


def gate(panel: BarPanel) -> Inspection:
    return inspect(panel, SETTINGS, fetched_at=LATER)


def test_a_clean_panel_passes_unchanged() -> None:
    seen = gate(PANEL)
    assert seen.panel.digest == PANEL.digest
    assert seen.notes == ()
    assert seen.row_quality(LAST).left_out == {} and seen.row_quality(LAST).feed_fault == ""


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"high": 0.01}, "contradict"),
        ({"low": 1e9}, "contradict"),
        ({"close": 1e-9, "low": 1.0}, "contradict"),
        ({"close": 0.0}, "not positive"),
        ({"open": -5.0}, "not positive"),
        ({"close": float("inf")}, "not positive"),
        ({"volume": -1.0}, "negative volume"),
        ({"open": float("nan")}, "incomplete"),
        ({"volume": float("nan")}, "incomplete"),
    ],
)
def test_a_broken_bar_is_masked_and_its_symbol_named_until_no_feature_sees_it(
    values: dict[str, float], reason: str
) -> None:
    row = 100
    seen = gate(edited(row, "AAPL", values))
    column = PANEL.column["AAPL"]
    assert all(np.isnan(getattr(seen.panel, name)[row, column]) for name in FIELDS)
    assert np.isfinite(np.delete(seen.panel.close, row, axis=0)).all()
    assert seen.row_quality(row - 1).left_out == {}
    for later in (row, row + 1, row + RECENT_SESSIONS - 1):
        assert list(seen.row_quality(later).left_out) == ["AAPL"]
        assert reason in seen.row_quality(later).left_out["AAPL"]
        assert str(PANEL.sessions[row]) in seen.row_quality(later).left_out["AAPL"]
        assert seen.row_quality(later).feed_fault == ""
    assert seen.row_quality(row + RECENT_SESSIONS).left_out == {}
    assert len(seen.notes) == 1 and "AAPL" in seen.notes[0]


def silent(gone: dict[str, int]) -> Inspection:
    """The panel without some symbols' bars from a row on each."""
    arrays = {name: getattr(PANEL, name).copy() for name in FIELDS}
    for symbol, row in gone.items():
        for array in arrays.values():
            array[row:, PANEL.column[symbol]] = np.nan
    return gate(replace(PANEL, **arrays))


def test_listings_that_ended_one_by_one_are_no_fault_of_the_feed() -> None:
    seen = silent({"AAPL": 300, "JPM": 320, "XOM": 340})  # of eight
    assert seen.row_quality(300 + 9).feed_fault == ""
    assert seen.row_quality(340).feed_fault == ""
    assert set(seen.row_quality(LAST).left_out) == {"AAPL", "JPM", "XOM"}
    assert seen.row_quality(LAST).feed_fault == ""


def test_many_that_fall_silent_at_once_stay_a_fault_however_long() -> None:
    seen = silent({"AAPL": 300, "JPM": 300, "XOM": 300})
    for row in (300, 310, LAST):
        assert "3 of 8 symbols are left out" in seen.row_quality(row).feed_fault


@pytest.mark.parametrize("ratio", [1.5, 2, 3, 4, 5, 10, 20, 1 / 2, 1 / 10, 1 / 20])
def test_an_unadjusted_split_is_found_and_nothing_of_it_is_served(ratio: float) -> None:
    row = quiet_session()
    seen = gate(split_at(row, "AAPL", ratio))
    assert "unadjusted split" in seen.row_quality(row).left_out["AAPL"]
    assert np.isnan(seen.panel.close[row : row + RECENT_SESSIONS, 0]).all()
    assert np.isfinite(seen.panel.close[:row, 0]).all()
    assert np.isfinite(seen.panel.close[:, 1:]).all()


def test_a_crash_within_the_day_is_no_split() -> None:
    row = 200
    before = float(PANEL.close[row - 1, 0])
    crashed = edited(row, "AAPL", {"open": before, "high": before, "low": before * 0.45, "close": before * 0.5})
    assert gate(crashed).row_quality(row).left_out == {}


@pytest.mark.parametrize(
    ("opening", "closing", "day_range", "volume"),
    [
        (0.703, 0.649, 1.170, 31.0),  # NFLX 2022-04-20
        (1.218, 1.523, 1.255, 16.0),  # AMD 2016-04-22
        (1.314, 1.549, 1.234, 18.0),  # ROKU 2017-11-09
        (0.757, 0.736, 1.052, 9.0),  # META 2022-02-03
        (1.575, 1.557, 1.016, 24.0),  # CPRI 2023-08-10, a take-over: no range, but the volume
        (0.524, 0.476, 1.251, 5.7),  # PCG 2019-01-14, near a half
    ],
)
def test_real_moves_of_the_past_are_no_splits(
    opening: float, closing: float, day_range: float, volume: float
) -> None:
    row = 200
    before = float(PANEL.close[row - 1, 0])
    low = before * min(opening, closing, max(opening, closing) / day_range)
    high = max(low * day_range, before * max(opening, closing))
    usual = float(np.median(PANEL.volume[row - 20 : row, 0]))
    values = {"open": before * opening, "high": high, "low": low, "close": before * closing}
    moved = edited(row, "AAPL", {**values, "volume": volume * usual})
    assert "AAPL" not in gate(moved).row_quality(row).left_out


@pytest.mark.parametrize("ratio", [100.0, 0.01, 7 / 5, 7 / 4, 9 / 4, 3.7])
def test_a_jump_that_no_market_makes_is_left_out_from_its_own_session_on(ratio: float) -> None:
    row = quiet_session()
    seen = gate(edited(row, "AAPL", {name: ratio * float(getattr(PANEL, name)[row, 0]) for name in FIELDS[:4]}))
    assert "jump" in seen.row_quality(row).left_out["AAPL"] and seen.row_quality(row - 1).left_out == {}
    assert len(seen.notes) == 1 and "jump" in seen.notes[0]


def test_a_symbol_without_todays_bar_is_left_out_today_only() -> None:
    row = 300
    seen = gate(edited(row, "JPM", dict.fromkeys(FIELDS, float("nan"))))
    assert seen.row_quality(row).left_out == {"JPM": f"no bar for the session {PANEL.sessions[row]}"}
    assert seen.row_quality(row + 1).left_out == {}


def test_without_the_benchmark_the_feed_is_at_fault() -> None:
    seen = gate(edited(LAST, "SPY", {"close": float("nan")}))
    assert "SPY has no good bar" in seen.row_quality(LAST).feed_fault
    assert seen.row_quality(LAST - 1).feed_fault == ""
    without = SimulatedMarket(CALENDAR, DEFAULT).bars(("AAPL",), date(2023, 1, 3), date(2023, 6, 30))
    assert "SPY" in gate(without).row_quality(10).feed_fault


def test_too_many_missing_symbols_are_a_fault_of_the_feed() -> None:
    panel = edited(LAST, "AAPL", {"close": float("nan")})
    assert gate(panel).row_quality(LAST).feed_fault == ""
    panel = edited(LAST, "MSFT", {"close": 0.0}, panel)
    assert gate(panel).row_quality(LAST).feed_fault == "2 of 8 symbols are left out, more than 20%."


def test_the_unfinished_session_is_dropped() -> None:
    closes_at = PANEL.known_at[LAST].astype(datetime).replace(tzinfo=UTC)
    assert len(inspect(PANEL, SETTINGS, fetched_at=closes_at - timedelta(seconds=1)).panel.sessions) == LAST
    assert len(inspect(PANEL, SETTINGS, fetched_at=closes_at).panel.sessions) == LAST + 1


def test_no_bars_at_all_is_a_fault() -> None:
    assert "no bars" in gate(PANEL.prefix(0)).row_quality(-1).feed_fault


@settings(max_examples=25, deadline=None)
@given(
    row=st.integers(260, LAST - 1), seed=st.integers(0, 2**31), poison=st.sampled_from(["nan", "other", "bad"])
)
def test_bars_after_a_row_change_no_view_up_to_it(row: int, seed: int, poison: str) -> None:
    base = split_at(220, "NVDA", 4)
    base = edited(240, "AAPL", {"high": 0.01}, base)
    rng = np.random.default_rng(seed)
    arrays = {name: getattr(base, name).copy() for name in FIELDS}
    for array in arrays.values():
        shape = array[row + 1 :].shape
        array[row + 1 :] = {
            "nan": np.full(shape, np.nan), "other": rng.uniform(1, 900, shape), "bad": rng.normal(0, 100, shape),
        }[poison]  # fmt: skip
    poisoned = replace(base, **arrays)
    honest = PanelFeed(base, SETTINGS, CALENDAR, source="simulated")
    lied_to = PanelFeed(poisoned, SETTINGS, CALENDAR, source="simulated")
    for at in (row, row - 1, 245, 230):
        as_of = base.known_at[at].astype(datetime).replace(tzinfo=UTC)
        mine, theirs = honest.view(as_of), lied_to.view(as_of)
        assert mine.digest() == theirs.digest()
        assert mine.stale == theirs.stale and mine.feed_fault == theirs.feed_fault
        for name in FIELDS:
            assert getattr(mine.bars, name).tobytes() == getattr(theirs.bars, name).tobytes()
    assert "NVDA" in honest.view(as_of).stale  # the gate had something to say
