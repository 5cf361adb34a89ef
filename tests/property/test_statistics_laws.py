"""Laws of the statistics: invariances, bounds, causality, conservation."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.curves import drawdowns, monthly_returns, simple_returns, worst_drawdown
from analysis.overfitting import overfitting_probability
from analysis.performance import measure_curve
from analysis.random_books import (
    Holdings,
    equal_shares,
    equal_weight,
    even_targets,
    own_shares,
    random_books,
)
from analysis.significance import deflated_sharpe_ratio, probabilistic_sharpe_ratio
from core.market import Floats
from core.statistics import rank_ic, sharpe_ratio

LAWS = settings(max_examples=50, deadline=None)
MOVES = arrays(np.float64, st.integers(2, 80), elements=st.floats(-0.25, 0.25, width=32))


def curve_of(moves: Floats) -> Floats:
    return np.cumprod(np.append(1.0, 1.0 + moves), dtype=np.float64)


@LAWS
@given(MOVES, st.floats(0.1, 10))
def test_sharpe_does_not_know_the_scale(moves: Floats, scale: float) -> None:
    ratio = sharpe_ratio(moves)
    if ratio is not None and moves.std() > 1e-9:
        assert sharpe_ratio(moves * scale) == pytest.approx(ratio, rel=1e-6, abs=1e-9)
        assert sharpe_ratio(-moves) == pytest.approx(-ratio)


@LAWS
@given(MOVES, st.floats(1e-3, 1e6))
def test_a_curve_s_figures_do_not_know_its_currency(moves: Floats, unit: float) -> None:
    curve = curve_of(moves)
    plain, scaled = asdict(measure_curve(curve, curve)), asdict(measure_curve(curve * unit, curve * unit))
    assert all(value is None or np.isfinite(value) for value in plain.values())
    for name in ("total_return", "drawdown_max"):
        assert scaled[name] == pytest.approx(plain[name], abs=1e-9)


@LAWS
@given(MOVES)
def test_drawdown_is_between_minus_one_and_nothing_and_zero_at_a_peak(moves: Floats) -> None:
    curve = curve_of(moves)
    below = drawdowns(curve)
    assert ((below >= -1) & (below <= 0)).all()
    assert below[curve.argmax()] == 0
    fall = worst_drawdown(curve)
    assert fall.depth == below.min()
    assert (fall.sessions == 0) == bool((below == 0).all())
    assert fall.sessions <= len(moves)


@LAWS
@given(MOVES, st.integers(0, 20_000))
def test_months_and_years_compound_to_the_whole(moves: Floats, start: int) -> None:
    curve = curve_of(moves)
    table = monthly_returns(curve, np.datetime64("1990-01-01") + start + np.arange(len(curve)) * 3)
    months = [1 + value for row in table.table for value in row if value is not None]
    assert np.prod(months) == pytest.approx(curve[-1] / curve[0])
    assert np.prod(1 + np.array(table.totals)) == pytest.approx(curve[-1] / curve[0])


@LAWS
@given(MOVES, st.integers(1, 500), st.floats(0.01, 2))
def test_deflated_is_a_probability_and_never_above_probabilistic(
    moves: Floats, trials: int, variance: float
) -> None:
    plain = probabilistic_sharpe_ratio(moves)
    deflated = deflated_sharpe_ratio(moves, trials=trials, sharpe_variance=variance)
    assert (plain is None) == (deflated is None)
    if plain is not None and deflated is not None:
        assert 0 <= deflated <= plain <= 1


@LAWS
@given(arrays(np.float64, (6, 9), elements=st.floats(-5, 5, width=32)), st.integers(0, 2**32 - 1))
def test_rank_ic_knows_only_the_order(predictions: Floats, seed: int) -> None:
    forward = np.random.default_rng(seed).normal(size=(6, 9))
    daily = rank_ic(predictions, forward)
    assert np.array_equal(daily, rank_ic(predictions, np.exp(forward)), equal_nan=True)
    assert np.allclose(daily, -rank_ic(predictions, -forward), equal_nan=True)
    assert (np.abs(daily[np.isfinite(daily)]) <= 1 + 1e-12).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_overfitting_does_not_know_the_order_of_trials(seed: int, trials: int) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.01, (90, trials))
    one = overfitting_probability(returns, blocks=6)
    other = overfitting_probability(returns[:, rng.permutation(trials)], blocks=6)
    assert one is not None
    assert one == other
    assert 0 <= one.probability <= 1


def prices(seed: int, rows: int = 130, names: int = 8) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    close = 50 * np.cumprod(1 + rng.normal(0, 0.02, (rows, names)), axis=0, dtype=np.float64)
    open_ = np.vstack([close[:1], close[:-1]]) * (1 + rng.normal(0, 0.004, (rows, names)))
    gaps = rng.random((rows, names)) < 0.002
    open_[gaps] = close[gaps] = np.nan
    return open_, close


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(75, 128))
def test_the_books_know_nothing_of_the_future(seed: int, cut: int) -> None:
    open_, close = prices(seed)
    poisoned_open, poisoned_close = open_.copy(), close.copy()
    poisoned_open[cut:] *= 3.0
    poisoned_close[cut:] = np.nan
    held = np.random.default_rng(seed).random((len(close) - 69, 8)) < 0.4
    traded = np.vstack([np.zeros((1, 8), dtype=bool), held[1:] != held[:-1]])
    wanted = np.where(np.random.default_rng(seed).random(held.shape) < 0.8, 0.11, np.nan)
    runs = []
    for o, c in ((open_, close), (poisoned_open, poisoned_close), (open_[:cut], close[:cut])):
        rows = slice(0, len(c) - 69)
        mine = Holdings(held=np.where(held[rows], 0.1, 0.0), traded=traded[rows])
        sizing = Holdings(held=mine.held, traded=mine.traded, wanted=wanted[rows], resize_min=0.002)
        books = [
            random_books(o, c, one, sizes, np.random.default_rng(1), first=70, books=6, cost_bps=10).returns
            for one in (mine, sizing)
            for sizes in (own_shares, equal_shares(c, 1.0))
        ]
        assert not np.array_equal(books[0], books[2]), "nothing was resized"
        scaled = equal_weight(o, c, first=70, target_volatility=0.12)
        runs.append(np.vstack([*books, scaled, equal_weight(o, c, first=70)])[:, : cut - 70])
    assert (runs[0] != 0).any()
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(75, 128))
def test_what_the_equal_weight_books_want_is_decided_before_the_next_session(seed: int, cut: int) -> None:
    _, close = prices(seed)
    later = close.copy()
    later[cut:] *= np.random.default_rng(seed).uniform(0.5, 2.0, close[cut:].shape)
    wanted = []
    for c in (close, later):
        wanted.append([target.weights for target in even_targets(c, first=70, target_volatility=0.12)])
    known = cut - 70 + 1  # the last row that is known is cut - 1
    assert np.array_equal(wanted[0][:known], wanted[1][:known], equal_nan=True)
    assert not np.array_equal(wanted[0][known:], wanted[1][known:], equal_nan=True)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_costs_and_moves_nothing_is_made_or_lost(seed: int) -> None:
    level = np.random.default_rng(seed).uniform(5, 500, 6)
    flat = np.tile(level, (100, 1))
    assert np.allclose(equal_weight(flat, flat, first=70, cost_bps=0), 0, atol=1e-14)
    doubled = flat * np.cumprod(np.full((100, 1), 1.01), axis=0, dtype=np.float64)
    returns = equal_weight(doubled, doubled, first=70, cost_bps=0)
    assert simple_returns(curve_of(returns))[1:] == pytest.approx(np.full(29, 0.01))
