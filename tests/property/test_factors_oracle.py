"""Factors against TA-Lib on one symbol, against plain formulas, and the laws of the z-scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Floats
from models.factors.table import (
    FACTOR_NAMES,
    Z_LIMIT,
    average_true_range,
    raw_factors,
    z_scores,
)
from tests.default_universe import SECTOR_ETF_OF
from tests.panels import make_panel

SYMBOLS = ("AAPL", "MSFT", "NVDA", "COIN", "XLK", "SMH", "ARKK", "SPY")
PANEL = make_panel(11, 420, SYMBOLS, missing={"COIN": [(0, 60), (200, 230)], "MSFT": [(300, 302)]})
RAW = raw_factors(PANEL, SECTOR_ETF_OF)


def factor(name: str, symbol: str) -> Floats:
    return RAW[:, PANEL.column[symbol], FACTOR_NAMES.index(name)]


def own_bars(symbol: str) -> tuple[list[np.ndarray], dict[str, Floats]]:
    """A symbol's stretches (holes over 5 sessions split), and its fields."""
    rows = np.flatnonzero(np.isfinite(PANEL.close[:, PANEL.column[symbol]]))
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 6) + 1)
    names = ("open", "high", "low", "close", "volume")
    return parts, {name: getattr(PANEL, name)[:, PANEL.column[symbol]].copy() for name in names}


def talib_rsi(f: dict[str, Floats]) -> Floats:
    return np.asarray(talib.RSI(f["close"], 14))


def talib_mfi(f: dict[str, Floats]) -> Floats:
    return np.asarray(talib.MFI(f["high"], f["low"], f["close"], f["volume"], 14))


def talib_adx(f: dict[str, Floats]) -> Floats:
    return np.asarray(talib.ADX(f["high"], f["low"], f["close"], 14))


def talib_band_width(f: dict[str, Floats]) -> Floats:
    upper, middle, lower = talib.BBANDS(f["close"], 20, 2.0, 2.0)
    return np.asarray((upper - lower) / middle)


@pytest.mark.parametrize("symbol", ["AAPL", "COIN", "MSFT", "SPY"])
@pytest.mark.parametrize(
    ("name", "oracle"),
    [("rsi_14", talib_rsi), ("mfi", talib_mfi), ("adx", talib_adx), ("bb_width", talib_band_width)],
)
def test_indicators_are_talibs(name: str, oracle: Callable[[dict[str, Floats]], Floats], symbol: str) -> None:
    parts, fields = own_bars(symbol)
    want = np.full(len(PANEL.sessions), np.nan)
    for part in parts:
        want[part] = oracle({key: np.ascontiguousarray(value[part]) for key, value in fields.items()})
    assert np.isfinite(want).sum() > 200
    np.testing.assert_allclose(factor(name, symbol), want, rtol=0, atol=1e-9)


def test_average_true_range_is_talibs() -> None:
    parts, fields = own_bars("COIN")
    want = np.full(len(PANEL.sessions), np.nan)
    for part in parts:
        high, low, close = (np.ascontiguousarray(fields[name][part]) for name in ("high", "low", "close"))
        want[part] = talib.ATR(high, low, close, 14)
    got = average_true_range(PANEL)[:, PANEL.column["COIN"]]
    assert np.isfinite(got).sum() > 200
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-9)


def test_the_rest_by_plain_formulas() -> None:
    fields = own_bars("AAPL")[1]
    row, close, volume = 350, fields["close"], fields["volume"]
    last = slice(row - 19, row + 1)
    returns = close[1:] / close[:-1] - 1
    spread, drift = np.log(fields["high"] / fields["low"])[last], np.log(close / fields["open"])[last]
    variance = np.mean(0.5 * spread**2 - (2 * np.log(2) - 1) * drift**2)
    balance = np.cumsum(np.concatenate([[volume[0]], np.sign(returns) * volume[1:]]))
    slope = np.polyfit(np.arange(20), balance[last] - balance[row], 1)[0]
    want = {
        "momentum_5d": close[row] / close[row - 5] - 1,
        "momentum_21d": close[row] / close[row - 21] - 1,
        "momentum_63d": close[row] / close[row - 63] - 1,
        "obv_slope": slope / volume[last].mean(),
        "gk_vol": np.sqrt(252 * variance),
        "amihud": np.mean(np.abs(returns[row - 20 : row]) / (close * volume)[last]) * 1e6,
        "volume_ratio": volume[row] / volume[last].mean(),
        "high_52w_pct": close[row] / fields["high"][row - 251 : row + 1].max() - 1,
    }
    for name, value in want.items():
        assert factor(name, "AAPL")[row] == pytest.approx(value, rel=1e-9), name


def test_sector_momentum_is_the_etfs_return_over_the_benchmarks() -> None:
    etf, spy = factor("momentum_63d", "SMH"), factor("momentum_63d", "SPY")
    np.testing.assert_array_equal(factor("sector_momentum", "NVDA"), etf - spy)
    assert np.isnan(factor("sector_momentum", "SPY")).all()


def test_a_short_hole_is_bridged_and_a_long_one_starts_anew() -> None:
    assert np.isnan(factor("rsi_14", "MSFT")[300:302]).all()
    assert np.isfinite(factor("rsi_14", "MSFT")[302:]).all()
    assert np.isnan(factor("rsi_14", "COIN")[230:244]).all()
    assert np.isfinite(factor("rsi_14", "COIN")[244:]).all()


def test_bars_without_volume_or_with_absurd_prices_poison_nothing() -> None:
    panel = make_panel(5, 200, SYMBOLS)
    changed = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    changed["volume"][100:140, 0] = 0.0
    changed["close"][150, 1] = np.inf
    changed["low"][151, 2] = -1.0
    bad = type(panel)(sessions=panel.sessions, known_at=panel.known_at, symbols=panel.symbols, **changed)
    raw = raw_factors(bad, SECTOR_ETF_OF)
    assert not np.isinf(raw).any()
    assert np.isnan(raw[139, 0, FACTOR_NAMES.index("amihud")])
    clean = [name != "high_52w_pct" for name in FACTOR_NAMES]
    assert np.isfinite(raw[-1, :3][:, clean]).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    members=st.lists(st.booleans(), min_size=9, max_size=9).filter(any),
    shift=st.floats(-5, 5),
    scale=st.floats(0.1, 10),
)
def test_z_scores_are_standardized_winsorized_and_blind_to_units(
    seed: int, members: list[bool], shift: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.standard_t(2, (6, 9, 4))
    raw[rng.random(raw.shape) < 0.2] = np.nan
    mask = np.array(members)
    z = z_scores(raw, mask)
    assert np.isnan(z[:, ~mask]).all()
    np.testing.assert_array_equal(np.isnan(z[:, mask]), np.isnan(raw[:, mask]))
    assert np.nanmax(np.abs(z), initial=0.0) <= Z_LIMIT
    np.testing.assert_allclose(z_scores(raw * scale + shift, mask), z, atol=1e-6)
    np.testing.assert_array_equal(z_scores(raw, np.flatnonzero(mask)), z)


def test_z_scores_have_mean_0_and_deviation_1_and_equal_members_score_0() -> None:
    raw = np.random.default_rng(1).uniform(-1, 1, (5, 30, 3))
    raw[:, :, 2] = 4.0
    z = z_scores(raw, np.ones(30, dtype=bool))
    np.testing.assert_allclose(z[:, :, :2].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(z[:, :, :2].std(axis=1), 1, atol=1e-12)
    assert (z[:, :, 2] == 0).all()
    outlier = np.zeros((1, 40, 1))
    outlier[0, 0, 0] = 1e6
    assert z_scores(outlier, np.ones(40, dtype=bool))[0, 0, 0] == Z_LIMIT


def test_stocks_are_compared_with_stocks_only() -> None:
    stocks = np.array([name in SECTOR_ETF_OF for name in SYMBOLS])
    z = z_scores(RAW, stocks)
    assert np.isnan(z[:, ~stocks]).all()
    assert np.isfinite(z[-1, stocks]).sum() > 30
