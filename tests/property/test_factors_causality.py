"""What a factor says of a session depends on that session and those before, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError
from core.types import BarPanel, Floats
from models.factors.store import FactorStore
from models.factors.table import average_true_range, raw_factors, z_scores
from tests.default_universe import SECTOR_ETF_OF
from tests.panels import make_panel, with_future_changed

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMD", "COIN", "JPM", "XLK", "SMH", "XLF", "SPY")
SESSIONS = 320
MEMBERS = np.array([name in SECTOR_ETF_OF for name in SYMBOLS])
stretch = st.tuples(st.integers(0, SESSIONS - 1), st.integers(1, 60)).map(lambda p: (p[0], p[0] + p[1]))
holes = st.dictionaries(st.sampled_from(SYMBOLS), st.lists(stretch, min_size=1, max_size=3), max_size=4)


def everything(panel: BarPanel) -> tuple[Floats, Floats, Floats]:
    raw = raw_factors(panel, SECTOR_ETF_OF)
    return raw, z_scores(raw, MEMBERS), average_true_range(panel)


def same_bits(left: Floats, right: Floats) -> bool:
    return np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), missing=holes, row=st.integers(1, SESSIONS - 1))
def test_a_cut_panel_gives_the_same_bits(seed: int, missing: dict[str, list[tuple[int, int]]], row: int) -> None:
    panel = make_panel(seed, SESSIONS, SYMBOLS, missing=missing)
    for full, cut in zip(everything(panel), everything(panel.prefix(row + 1)), strict=True):
        assert same_bits(full[: row + 1], cut)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 50), row=st.integers(130, SESSIONS - 2))
def test_another_future_changes_no_bit_of_the_past(seed: int, row: int) -> None:
    panel = make_panel(seed, SESSIONS, SYMBOLS)
    poisoned = with_future_changed(panel, row)
    real, other = everything(panel), everything(poisoned)
    assert np.isfinite(real[0][row]).any()
    for before, after in zip(real, other, strict=True):
        assert same_bits(before[: row + 1], after[: row + 1])
    assert not same_bits(real[0], other[0])


def test_the_store_reads_a_prefix_from_the_full_panels_table() -> None:
    panel = make_panel(3, SESSIONS, SYMBOLS, missing={"COIN": [(0, 100)]})
    store, fresh = FactorStore(SECTOR_ETF_OF), FactorStore(SECTOR_ETF_OF)
    store.prepare(panel)
    for row in (40, 180, SESSIONS - 1):
        known, computed = store.at(panel.prefix(row + 1)), fresh.at(make_prefix(panel, row))
        assert same_bits(known.raw, computed.raw)
        assert same_bits(known.z, computed.z)
        assert same_bits(known.atr, computed.atr)
        assert known.raw.flags.c_contiguous
        assert not known.raw.flags.writeable


def test_a_store_that_keeps_the_raw_factors_of_the_last_sessions_gives_the_same_bits_of_all() -> None:
    panel = make_panel(3, SESSIONS, SYMBOLS, missing={"COIN": [(0, 100)]})
    short, whole = FactorStore(SECTOR_ETF_OF, panels_max=1, raw_sessions=5), FactorStore(SECTOR_ETF_OF)
    for row in (SESSIONS - 1, SESSIONS - 5, SESSIONS - 6, 40, 39, SESSIONS - 1):
        known, computed = short.at(panel.prefix(row + 1)), whole.at(panel.prefix(row + 1))
        assert np.isfinite(known.raw).any()
        assert same_bits(known.raw, computed.raw)
        assert same_bits(known.z, computed.z)
    assert len(short.history(panel).raw) == 5
    assert len(short.history(panel.prefix(SESSIONS - 3)).raw) == 2
    assert len(short.history(panel.prefix(40)).raw) == 0
    assert same_bits(short.history(panel).z, whole.history(panel).z)


def make_prefix(panel: BarPanel, row: int) -> BarPanel:
    return BarPanel(
        sessions=panel.sessions[: row + 1],
        known_at=panel.known_at[: row + 1],
        symbols=panel.symbols,
        **{name: getattr(panel, name)[: row + 1].copy() for name in ("open", "high", "low", "close", "volume")},
    )


def test_the_store_computes_a_panel_once_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    import models.factors.store as home

    computed: list[int] = []

    def counting(bars: BarPanel, *others: object) -> Floats:
        computed.append(len(bars.sessions))
        return raw_factors(bars, SECTOR_ETF_OF)

    monkeypatch.setattr(home, "raw_factors", counting)
    store = FactorStore(SECTOR_ETF_OF, panels_max=2)
    first = make_panel(1, 60, SYMBOLS)
    store.at(first)
    for rows in (10, 59, 60):
        store.at(first.prefix(rows))
        assert len(store.history(first.prefix(rows)).raw) == rows
    assert computed == [60]
    store.at(make_panel(2, 61, SYMBOLS))
    store.at(make_panel(3, 62, SYMBOLS))
    store.at(first)
    assert computed == [60, 61, 62, 60]


def test_the_store_refuses_a_panel_without_sessions() -> None:
    with pytest.raises(DataError, match="no bars"):
        FactorStore(SECTOR_ETF_OF).at(make_panel(1, 5, SYMBOLS).prefix(0))
