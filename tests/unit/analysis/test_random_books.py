"""Random and equal-weight books against a slow bookkeeping, and on the shared data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.curves import drawdowns
from analysis.holding import Target, filled_forward, hold, month_ends
from analysis.random_books import (
    Holdings,
    RandomBooks,
    Sizes,
    dealt_targets,
    equal_shares,
    equal_weight,
    even_targets,
    own_shares,
    percentile,
    random_books,
)
from core.errors import InvariantError
from core.market import Floats
from core.statistics import sharpe_ratio

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "universe_daily.parquet"


class Market(NamedTuple):
    sessions: NDArray[np.datetime64]
    open_: Floats
    close: Floats


def market(seed: int, rows: int = 160, names: int = 12) -> Market:
    rng = np.random.default_rng(seed)
    close: Floats = 50 * np.cumprod(1 + rng.normal(0.0005, 0.02, (rows, names)), axis=0, dtype=np.float64)
    open_ = np.vstack([close[:1], close[:-1]]) * (1 + rng.normal(0, 0.004, (rows, names)))
    days = np.busday_offset(np.datetime64("2021-01-04"), list(range(rows)))
    return Market(days, open_, np.asarray(close))


def strategy(seed: int, sessions: int, names: int, size: float = 0.1) -> Holdings:
    """A strategy that enters and leaves names at random, one share of equity each."""
    rng = np.random.default_rng(seed)
    held = np.zeros((sessions, names), dtype=bool)
    for session in range(1, sessions):
        held[session] = held[session - 1] ^ (rng.random(names) < 0.05)
        if held[session].sum() > names // 2:
            held[session] = held[session - 1]
    traded = np.zeros_like(held)
    traded[1:] = held[1:] != held[:-1]
    return Holdings(held=np.where(held, size, 0.0), traded=traded)


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


def test_a_random_book_holds_as_many_names_trades_when_the_strategy_does_and_pays_the_same() -> None:
    data, mine = market(3), strategy(1, 160 - 69, 12)
    targets = list(
        dealt_targets(data.open_, data.close, mine, own_shares, np.random.default_rng(0), first=70, books=25)
    )
    sessions = np.flatnonzero(mine.traded.any(axis=1))
    assert len(sessions) > 20
    assert [target.row for target in targets] == (sessions + 68).tolist()
    holds = np.zeros((25, 12), dtype=bool)
    for session, target in zip(sessions, targets, strict=True):
        moved = np.isfinite(target.weights)
        assert (moved.sum(axis=1) <= mine.traded[session].sum()).all()
        holds = np.where(moved, target.weights > 0, holds)
        assert (holds.sum(axis=1) == (mine.held[session] > 0).sum()).all()
    assert len({row.tobytes() for row in holds}) > 15
    books = random_books(
        data.open_, data.close, mine, own_shares, np.random.default_rng(0), first=70, books=25, cost_bps=10
    )
    assert books.returns.shape == (25, 90)
    assert books.sharpe[3] == pytest.approx(sharpe_ratio(books.returns[3]))


def test_a_strategy_without_skill_lies_anywhere_among_its_random_books() -> None:
    """The null is fair: percentiles of strategies that pick at random are spread evenly over 0 to 100."""
    data = market(8, rows=330, names=30)
    places = []
    for seed in range(60):
        mine = strategy(seed, 330 - 69, 30, 0.06)
        rng = np.random.default_rng(seed)
        books = random_books(data.open_, data.close, mine, own_shares, rng, first=70, books=200, cost_bps=3.5)
        weights = np.where(mine.traded, mine.held, np.nan)
        targets = [Target(68 + t, weights[t][None, :]) for t in np.flatnonzero(mine.traded.any(axis=1)).tolist()]
        own = hold(data.open_, data.close, targets, portfolios=1, first=70, cost_bps=3.5)[0]
        places.append(percentile(sharpe_ratio(own) or 0.0, books))
    assert np.std(places) > 20
    assert 38 < np.mean(places) < 62
    assert 0.1 < np.mean(np.array(places) < 25) < 0.45


def test_a_strategy_that_knows_is_above_its_random_books() -> None:
    data = market(9, rows=200, names=20)
    moves = np.zeros((131, 20))
    moves[1:] = data.close[70:200] / data.open_[70:200] - 1
    best = moves >= np.sort(moves, axis=1)[:, -5][:, None]
    best[0] = False
    traded = np.zeros_like(best)
    traded[1:] = best[1:] | best[:-1]
    mine = Holdings(held=np.where(best, 0.15, 0.0), traded=traded)
    rng = np.random.default_rng(0)
    books = random_books(data.open_, data.close, mine, own_shares, rng, first=70, books=200, cost_bps=3.5)
    weights = np.where(traded, mine.held, np.nan)
    targets = [Target(68 + t, weights[t][None, :]) for t in range(1, 131)]
    own = hold(data.open_, data.close, targets, portfolios=1, first=70, cost_bps=3.5)[0]
    assert percentile(sharpe_ratio(own) or 0.0, books) == 100


def test_equal_parts_are_invested_as_the_strategy_or_scaled_to_its_volatility() -> None:
    data, mine = market(4), strategy(2, 160 - 69, 12)
    for exposure_max in (None, 0.9):
        sizes = equal_shares(data.close, exposure_max)
        rng = np.random.default_rng(0)
        drawn = list(dealt_targets(data.open_, data.close, mine, sizes, rng, first=70, books=9))
        wanted = [row[np.isfinite(row) & (row > 0)] for target in drawn for row in target.weights]
        several = [row for row in wanted if len(row) > 1]
        assert several
        assert all(np.ptp(row) == pytest.approx(0, abs=1e-12) for row in several)
    stands = np.stack([np.roll(np.arange(12), shift) for shift in range(3)])
    shares = np.where(np.arange(12) < 4, [0.2, 0.05, 0.1, 0.05, *[0.0] * 8], 0.0)
    assert equal_shares(data.close, None)(100, stands, shares).sum(axis=1) == pytest.approx([0.4] * 3)
    past = data.close[79:100] / data.close[78:99] - 1
    scaled = equal_shares(data.close, 5.0)(100, stands, shares)
    for book in range(3):
        weights = np.zeros(12)
        weights[stands[book]] = scaled[book]
        assert (past @ weights).std(ddof=1) == pytest.approx((past @ shares).std(ddof=1))
    assert equal_shares(data.close, 0.1)(100, stands, shares).sum(axis=1) == pytest.approx([0.1] * 3)
    even = np.full(12, 0.07)
    assert equal_shares(data.close, 1.0)(100, stands, even) == pytest.approx(np.full((3, 12), 0.07))


def test_a_book_of_all_names_dealt_to_all_names_has_nothing_to_choose() -> None:
    data = market(6)
    held = np.full((91, 12), 0.08)
    held[0] = 0
    traded = np.zeros((91, 12), dtype=bool)
    traded[1] = True
    mine, rng = Holdings(held=held, traded=traded), np.random.default_rng(0)
    books = random_books(data.open_, data.close, mine, own_shares, rng, first=70, books=30, cost_bps=3.5)
    assert np.ptp(books.sharpe) < 0.2
    assert 0 < percentile(float(np.median(books.sharpe)), books) < 100


def test_cash_earns_the_bills_and_nothing_else_does() -> None:
    flat = np.full((80, 2), 10.0)
    bills = np.full(80, 0.001)
    half = [Target(69, np.array([[0.5, 0.0]])), Target(74, np.array([[0.5, 0.25]]))]
    returns = hold(flat, flat, half, portfolios=1, first=70, cost_bps=0, bills=bills)[0]
    assert returns[0] == pytest.approx(0.001)  # cash at the close before
    assert returns[1] == pytest.approx(0.001 * 0.5, rel=1e-2)
    assert returns[7] == pytest.approx(0.001 * 0.25, rel=2e-2)
    invested = hold(
        flat, flat, [Target(69, np.array([[1.0, 0.0]]))], portfolios=1, first=70, cost_bps=0, bills=bills
    )
    assert invested[0, 1:] == pytest.approx(np.zeros(9), abs=1e-5)


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
    books = RandomBooks(returns=np.zeros((4, 1)), sharpe=np.array([0.1, 0.2, 0.21, 0.4]))
    assert [percentile(value, books) for value in (0.0, 0.2, 0.3, 0.9)] == [0.0, 50.0, 75.0, 100.0]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("start", "end", "scaled_sharpe", "plain_sharpe"),
    [("2019-01-01", "2021-12-31", 1.70, 1.48), ("2022-01-01", "2025-02-28", 1.00, 0.83)],
)
def test_the_yardsticks_come_near_the_figures_of_issue_3(
    start: str, end: str, scaled_sharpe: float, plain_sharpe: float
) -> None:
    import pandas as pd

    from tests.default_universe import STOCKS

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


def test_the_null_and_the_equal_weights_take_in_members_of_the_day_alone() -> None:
    data, mine = market(4, names=24), strategy(1, 160 - 69, 24)
    member = (np.arange(len(data.close)) // 30)[:, None] % 2 == np.arange(24) % 2
    even = list(even_targets(data.close, first=70, target_volatility=np.inf, member=member))
    assert len(even) > 50
    for row, weights, _ in even:
        traded = weights[np.isfinite(weights).all(axis=1)]
        assert len(traded)
        assert (traded[:, member[row]] > 0).all()
        assert not traded[:, ~member[row]].any()
    rng, holds, entered = np.random.default_rng(1), np.zeros((20, 24), dtype=bool), 0
    for row, weights, _ in dealt_targets(
        data.open_, data.close, mine, own_shares, rng, first=70, books=20, member=member
    ):
        enters = (np.nan_to_num(weights) > 0) & ~holds
        assert not enters[:, ~member[row]].any()
        entered += int(enters.sum())
        holds = np.where(np.isfinite(weights), weights > 0, holds)
    assert entered > 50


@pytest.mark.parametrize("sizes_of", [lambda close: own_shares, lambda close: equal_shares(close, 1.0)])
def test_dealt_to_members_of_the_day_a_book_of_all_members_has_nothing_to_choose(
    sizes_of: Callable[[Floats], Sizes],
) -> None:
    """Members come and go: whoever holds what left sells it, so that every book is the strategy again."""
    data = market(11, names=24)
    rows, names = data.close.shape
    first, rng = 70, np.random.default_rng(1)
    began, ended = rng.integers(-90, 90, names), rng.integers(80, 200, names)
    day = np.arange(rows)[:, None]
    member = (began <= day) & (day < ended)
    assert (member[first:-1] != member[first + 1 :]).any(axis=1).sum() > 10, "nobody comes or goes"
    at_open = (member / np.maximum(member.sum(axis=1, keepdims=True), 1))[first - 1 : -1] * 0.9
    at_close = at_open * data.close[first:] / data.open_[first:]
    held = np.zeros((rows - first + 1, names))
    held[1:] = at_close / (0.1 + at_close.sum(axis=1, keepdims=True))
    changed = np.zeros(held.shape, dtype=bool)
    changed[1:] = ((held[1:] > 0) != (held[:-1] > 0)).any(axis=1)[:, None] & ((held[1:] > 0) | (held[:-1] > 0))
    books = random_books(
        data.open_, data.close, Holdings(held=held, traded=changed), sizes_of(data.close),
        np.random.default_rng(2), first=first, books=25, cost_bps=3.5, member=member,
    )  # fmt: skip
    assert np.ptp(books.returns, axis=0).max() < 1e-9
