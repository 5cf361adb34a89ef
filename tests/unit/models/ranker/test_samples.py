"""Labels, samples and folds: nothing that is learnt reaches past the purge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.trading import QuantSettings
from core.errors import DataError
from models.factors.store import FactorStore, FactorTable
from models.ranker.folds import purged_folds
from models.ranker.samples import Samples, forward_returns, top_labels, training_samples
from tests.default_universe import SECTOR_ETF_OF, STOCKS
from tests.panels import make_panel

SYMBOLS = (*STOCKS[:16], "XLK", "SMH", "XLF", "XLV", "SPY")
PANEL = make_panel(2, 480, SYMBOLS, missing={STOCKS[3]: [(0, 250)], STOCKS[5]: [(400, 430)]})
TABLE = FactorStore(SECTOR_ETF_OF).history(PANEL)
SETTINGS = QuantSettings()


def test_a_quarter_of_the_known_stocks_is_on_top() -> None:
    forward = np.random.default_rng(0).normal(size=(3, 64))
    forward[1, :4] = np.nan
    forward[2, 3:] = np.nan
    labels = top_labels(forward, 0.75)
    assert np.nansum(labels[0]) == 16
    assert np.nansum(labels[1]) == 15
    assert np.isnan(labels[1, :4]).all()
    assert np.isnan(labels[2]).all()
    assert forward[0, labels[0] == 1].min() > forward[0, labels[0] == 0].max()


def test_the_last_labels_are_not_known() -> None:
    close = PANEL.close[:, :3]
    forward = forward_returns(close, 21)
    assert np.isnan(forward[-21:]).all()
    assert forward[10, 1] == close[31, 1] / close[10, 1] - 1
    assert np.isnan(forward_returns(close[:15], 21)).all()


@pytest.mark.parametrize("last_row", [300, 420, 479])
def test_samples_are_what_was_known_and_end_before_the_purge(last_row: int) -> None:
    samples = training_samples(PANEL, TABLE, SETTINGS, last_row)
    assert len(samples.y) > 1500
    assert samples.day.max() == last_row - SETTINGS.purge_sessions - 1
    assert samples.day.max() + SETTINGS.horizon_sessions < last_row
    assert samples.window[2] < PANEL.sessions[last_row]
    assert samples.window[0] >= PANEL.sessions[last_row] - np.timedelta64(549, "D")
    assert 0.2 < samples.y.mean() < 0.3
    assert (np.isnan(samples.X).sum(axis=1) <= 3).all()
    assert (np.diff(samples.day) >= 0).all()


def test_each_sample_is_its_stocks_factors_and_its_own_return() -> None:
    samples = training_samples(PANEL, TABLE, SETTINGS, 479)
    stocks = [PANEL.column[name] for name in STOCKS[:16]]
    for pick in range(0, len(samples.y), 97):
        day = samples.day[pick]
        column = next(c for c in stocks if np.array_equal(TABLE.z[day, c], samples.X[pick], equal_nan=True))
        returns = PANEL.close[day + 21, stocks] / PANEL.close[day, stocks] - 1
        assert samples.forward[pick] == PANEL.close[day + 21, column] / PANEL.close[day, column] - 1
        above = np.nansum(returns > samples.forward[pick])
        assert samples.y[pick] == (above < np.ceil(np.isfinite(returns).sum() / 4 - 0.25)), returns


def test_too_little_history_is_refused() -> None:
    with pytest.raises(DataError, match="120 are needed"):
        training_samples(PANEL, TABLE, SETTINGS, 130)


@settings(max_examples=50, deadline=None)
@given(days=st.integers(120, 500), folds=st.integers(2, 8), purge=st.integers(1, 30), start=st.integers(0, 900))
def test_no_learnt_label_touches_a_tested_one(days: int, folds: int, purge: int, start: int) -> None:
    day = np.repeat(np.arange(start, start + days), 3)
    split = purged_folds(day, folds, purge)
    assert split
    tested = np.zeros(len(day), dtype=int)
    for fold in split:
        tested += fold.test
        first, last = day[fold.test].min(), day[fold.test].max()
        learnt = day[fold.train]
        assert ((learnt + purge < first) | (learnt > last + 2 * purge)).all()
    assert (tested <= 1).all()
    if len(split) == folds:
        assert (tested == 1).all()


def test_only_members_of_the_day_are_compared_and_learnt_from() -> None:
    member = np.ones(PANEL.close.shape, dtype=np.bool_)
    outside = [PANEL.column[name] for name in STOCKS[:4]]
    member[200:400, outside] = False
    dated = replace(PANEL, member=member)
    table = FactorStore(SECTOR_ETF_OF).history(dated)
    assert np.isnan(table.z[200:400, outside]).all()
    others = [PANEL.column[name] for name in STOCKS[8:16]]
    assert np.abs(np.nanmean(table.z[300][[*outside, *others, *range(4, 8)]], axis=0)).max() < 0.2
    assert (table.z[:200] == TABLE.z[:200])[np.isfinite(TABLE.z[:200])].all()
    samples = training_samples(dated, table, SETTINGS, 479)
    learnt = {(day, column) for day, column in zip(samples.day.tolist(), _columns(samples, table), strict=True)}
    assert learnt
    assert not {(day, column) for day in range(200, 400) for column in outside} & learnt


def _columns(samples: Samples, table: FactorTable) -> list[int]:
    """Find each sample's column by its factors."""
    found = []
    for row, day in zip(samples.X, samples.day, strict=True):
        same = ((table.z[day] == row) | (np.isnan(table.z[day]) & np.isnan(row))).all(axis=1)
        found.append(int(np.flatnonzero(same)[0]))
    return found
