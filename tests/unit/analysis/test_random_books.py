"""Random and equal-weight books against a slow bookkeeping, and on the shared data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.curves import drawdowns
from analysis.holding import Target, filled_forward, hold, month_ends
from analysis.random_books import (
    PortfolioLimits,
    RandomBooks,
    equal_weight,
    even_targets,
    percentile,
    random_books,
    random_targets,
)
from core.errors import InvariantError
from core.market import Floats
from core.statistics import sharpe_ratio

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "universe_daily.parquet"


class Market(NamedTuple):
    sessions: NDArray[np.datetime64]
    open_: Floats
    close: Floats
    sectors: tuple[str, ...]


def market(seed: int, rows: int = 160, names: int = 12, sectors: int = 6) -> Market:
    rng = np.random.default_rng(seed)
    close: Floats = 50 * np.cumprod(1 + rng.normal(0.0005, 0.02, (rows, names)), axis=0, dtype=np.float64)
    open_ = np.vstack([close[:1], close[:-1]]) * (1 + rng.normal(0, 0.004, (rows, names)))
    days = np.busday_offset(np.datetime64("2021-01-04"), list(range(rows)))
    return Market(days, open_, np.asarray(close), tuple(f"s{k % sectors}" for k in range(names)))


def slow_hold(
    open_: Floats, close: Floats, targets: dict[int, Floats], first: int, cost_bps: float
) -> list[float]:
    """One book, name by name, in a loop; the cost is found by bisection."""
    shares, cash, worth, out = [0.0] * close.shape[1], 1.0, 1.0, []
    last = [float("nan")] * close.shape[1]
    for row in range(close.shape[0]):
        if row >= first and row - 1 in targets:
            price = [o if np.isfinite(o) else c for o, c in zip(open_[row], last, strict=True)]
            held = [n * p if n else 0.0 for n, p in zip(shares, price, strict=True)]
            before = cash + sum(held)
            goals = [(g, h) for g, h, o in zip(targets[row - 1], held, open_[row], strict=True) if np.isfinite(o)]
            low, high = 0.0, before
            for _ in range(200):
                paid = (low + high) / 2
                needed = cost_bps / 1e4 * sum(abs(g * (before - paid) - h) for g, h in goals)
                low, high = (paid, high) if needed > paid else (low, paid)
            for name, goal in enumerate(targets[row - 1]):
                if np.isfinite(open_[row, name]):
                    shares[name] = goal * (before - paid) / price[name]
            cash = before - paid - sum(n * p for n, p in zip(shares, price, strict=True) if n)
        last = [c if np.isfinite(c) else old for c, old in zip(close[row], last, strict=True)]
        if row >= first:
            now = cash + sum(n * p for n, p in zip(shares, last, strict=True) if n)
            out.append(now / worth - 1)
            worth = now
    return out


def test_holding_against_the_slow_book_with_gaps() -> None:
    data = market(1, rows=40, names=4)
    open_, close = data.open_.copy(), data.close.copy()
    open_[20, 1] = close[25, 2] = np.nan
    open_[:15, 3] = close[:15, 3] = np.nan
    targets = {
        4: np.array([0.5, 0.2, 0.2, 0.0]), 12: np.array([0.1, 0.6, 0.3, 0.0]),
        19: np.array([0.3, 0.0, 0.1, 0.4]), 30: np.array([0.0, 0.0, 0.0, 0.9]),
    }  # fmt: skip
    fast = hold(
        open_, close, [Target(r, w[None, :]) for r, w in targets.items()], portfolios=1, first=5, cost_bps=25
    )
    assert fast.shape == (1, 35)
    assert np.abs(fast).max() > 0.005
    assert fast[0] == pytest.approx(slow_hold(open_, close, targets, 5, 25.0), abs=1e-10)


def test_buying_and_selling_at_a_fixed_price_costs_the_bps_by_hand() -> None:
    flat = np.full((6, 1), 20.0)
    targets = [Target(1, np.array([[0.5]])), Target(3, np.array([[0.0]]))]
    returns = hold(flat, flat, targets, portfolios=1, first=2, cost_bps=100)
    bought = 1 / (1 + 0.01 * 0.5)  # equity after paying 1 % of half of itself
    sold = bought - 0.5 * bought * 0.01
    assert np.prod(1 + returns[0, :1]) == pytest.approx(bought, rel=1e-7)
    assert np.prod(1 + returns[0]) == pytest.approx(sold, rel=1e-7)


def test_a_row_of_nan_leaves_that_book_alone() -> None:
    data = market(2, rows=12, names=3)
    start = np.full((2, 3), 0.3)
    later = np.array([[np.nan] * 3, [0.0, 0.0, 0.0]])
    both = hold(data.open_, data.close, [Target(2, start), Target(6, later)], portfolios=2, first=3, cost_bps=10)
    alone = hold(data.open_, data.close, [Target(2, start[:1])], portfolios=1, first=3, cost_bps=10)
    assert both[0] == pytest.approx(alone[0], abs=1e-14)
    assert (both[1, 5:] == 0).all()
    assert (both[1, :4] != 0).all()


def test_calendar_and_gaps() -> None:
    days = np.array(["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"], dtype="datetime64[D]")
    assert month_ends(days).tolist() == [1, 3]
    prices = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, 3.0]])
    assert np.array_equal(filled_forward(prices), np.array([[np.nan, 1], [2, 1], [2, 3]]), equal_nan=True)


def test_random_books_keep_their_limits() -> None:
    data = market(3)
    limits = PortfolioLimits(names=4, exposure_max=0.7, target_volatility=0.5)
    rng = np.random.default_rng(0)
    targets = list(
        random_targets(data.sessions, data.close, data.sectors, rng, first=70, books=25, limits=limits)
    )
    assert [target.row for target in targets] == list(range(69, 159))
    drawn = [target.weights for target in targets if np.isfinite(target.weights).all()]
    assert len(drawn) >= 4
    codes = np.array([int(name[1:]) for name in data.sectors])
    for weights in drawn:
        assert ((weights > 0).sum(axis=1) == 4).all()
        assert (weights.sum(axis=1) <= 0.7 + 1e-12).all()
        assert max(np.bincount(codes[row > 0]).max() for row in weights) == 1
    assert (drawn[0] != drawn[1]).any()
    scales = np.concatenate([weights.sum(axis=1) for weights in drawn])
    assert (scales == 0.7).sum() < len(scales)
    books = random_books(*data, np.random.default_rng(0), first=70, books=25, limits=limits)
    assert books.returns.shape == (25, 90)
    assert len(np.unique(books.sharpe)) == 25
    assert books.sharpe[3] == pytest.approx(sharpe_ratio(books.returns[3]))


def test_every_sector_and_name_is_drawn_about_as_often() -> None:
    data = market(4, rows=70, names=6)
    data.close[:5, 2] = np.nan
    (target,) = random_targets(
        data.sessions[:66], data.close[:66], tuple("aaabcc"), np.random.default_rng(0),
        first=65, books=6000, limits=PortfolioLimits(names=2),
    )  # fmt: skip
    assert (target.weights > 0).mean(axis=0) == pytest.approx(np.array([1, 1, 0, 2, 1, 1]) / 3, abs=0.03)


def test_scaling_brings_the_volatility_near_the_target_and_costs_lower_the_result() -> None:
    rng = np.random.default_rng(7)
    moves = rng.normal(0.0005, 0.02, (700, 1)) + rng.normal(0, 0.01, (700, 8))
    close = 50 * np.cumprod(1 + moves, axis=0, dtype=np.float64)
    open_ = np.vstack([close[:1], close[:-1]])
    scaled = equal_weight(open_, close, first=64, target_volatility=0.12)
    plain = equal_weight(open_, close, first=64)
    free = equal_weight(open_, close, first=64, cost_bps=0)
    assert scaled.shape == plain.shape == (636,)
    assert scaled.std() * 252**0.5 == pytest.approx(0.12, rel=0.1)
    assert plain.std() * 252**0.5 > 0.25
    assert np.log1p(plain).sum() < np.log1p(free).sum()


def test_too_little_history_is_refused() -> None:
    data = market(5)
    with pytest.raises(InvariantError, match="64 sessions"):
        equal_weight(data.open_, data.close, first=63)


def test_percentile() -> None:
    books = RandomBooks(returns=np.zeros((4, 1)), sharpe=np.array([0.1, 0.2, 0.2, 0.4]))
    assert [percentile(value, books) for value in (0.0, 0.2, 0.3, 0.9)] == [0.0, 50.0, 75.0, 100.0]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("start", "end", "scaled_sharpe", "plain_sharpe", "median"),
    [("2019-01-01", "2021-12-31", 1.70, 1.48, 1.40), ("2022-01-01", "2025-02-28", 1.00, 0.83, 0.72)],
)
def test_the_yardsticks_come_near_the_figures_of_issue_3(
    start: str, end: str, scaled_sharpe: float, plain_sharpe: float, median: float
) -> None:
    import pandas as pd

    from tests.default_universe import SECTOR_OF, STOCKS

    table = pd.read_parquet(SHARED).query("ticker in @STOCKS and date <= @end")
    table["o"] = table["open"] * table["adj_close"] / table["close"]
    wide = table.pivot(index="date", columns="ticker", values=["o", "adj_close"])
    days = wide.index.to_numpy().astype("datetime64[D]")
    first = int(np.searchsorted(days, np.datetime64(start)))
    opens, closes = wide["o"][list(STOCKS)].to_numpy(), wide["adj_close"][list(STOCKS)].to_numpy()
    scaled = equal_weight(opens, closes, first=first, target_volatility=0.12)
    assert sharpe_ratio(scaled) == pytest.approx(scaled_sharpe, abs=0.08)
    assert drawdowns(np.cumprod(1 + scaled, dtype=np.float64)).min() == pytest.approx(-0.15, abs=0.015)
    assert sharpe_ratio(equal_weight(opens, closes, first=first)) == pytest.approx(plain_sharpe, abs=0.03)
    sectors = [SECTOR_OF[name] for name in STOCKS]
    books = random_books(days, opens, closes, sectors, np.random.default_rng(0), first=first)
    assert np.median(books.sharpe) == pytest.approx(median, abs=0.15)


def test_the_null_and_the_equal_weights_hold_members_of_the_day_alone() -> None:
    data = market(4)
    member = (np.arange(len(data.sessions)) // 30)[:, None] % 2 == np.arange(12) % 2
    even = list(even_targets(data.close, first=70, target_volatility=np.inf, member=member))
    assert len(even) > 50
    for row, weights in even:
        traded = weights[np.isfinite(weights).all(axis=1)]
        assert len(traded)
        assert (traded[:, member[row]] > 0).all()
        assert not traded[:, ~member[row]].any()
    drawn = {69, *month_ends(data.sessions).tolist()}
    rng = np.random.default_rng(1)
    limits = PortfolioLimits(names=4)
    targets = random_targets(
        data.sessions, data.close, data.sectors, rng, first=70, books=20, limits=limits, member=member
    )
    checked = 0
    for row, weights in targets:
        if row in drawn:
            checked += 1
            assert ((weights > 0).sum(axis=1) > 1).all()
            assert not weights[:, ~member[row]].any()
    assert checked > 2
