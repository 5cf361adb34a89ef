"""Laws of the null: a strategy that draws its names by lot is one of its own random books, however it resizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.holding import Target, hold
from analysis.random_books import (
    Holdings,
    RandomBooks,
    Sizes,
    dealt_targets,
    equal_shares,
    own_shares,
    percentile,
    random_books,
)
from core.market import Floats
from core.statistics import sharpe_ratio

FIRST, ROWS, NAMES, WINDOW = 70, 250, 30, 21
COST_BPS = 3.5
RESIZE_MIN = 0.008


class Prices(NamedTuple):
    open: Floats
    close: Floats


class Case(NamedTuple):
    """A strategy that draws its names by lot, and the books that hold by its rule."""

    wanted: Callable[[Prices, np.random.Generator, int], Floats]
    sizes: Callable[[Floats], Sizes]


class Played(NamedTuple):
    """What a strategy held, wanted and traded, and its daily returns and turnover."""

    holdings: Holdings
    returns: Floats
    turnover: float


def trending(seed: int) -> Prices:
    """Prices in which what has risen rises on: whoever sells what has risen loses by it."""
    rng = np.random.default_rng(seed)
    drift = np.zeros((ROWS, NAMES))
    shocks = rng.normal(0.0, 0.0015, drift.shape)
    for row in range(1, ROWS):
        drift[row] = 0.97 * drift[row - 1] + shocks[row]
    close = 50 * np.cumprod(1 + 0.0003 + drift + rng.normal(0, 0.012, drift.shape), axis=0, dtype=np.float64)
    opens = np.vstack([close[:1], close[:-1]]) * (1 + rng.normal(0, 0.003, drift.shape))
    return Prices(opens, close)


def play(prices: Prices, wanted: Floats, resize_min: float) -> Played:
    """Trade to the wanted shares (S, N) as an engine does: whole names always, drift only where it is large."""
    shares, cash, turnover, equity = np.zeros(NAMES), 1.0, 0.0, [1.0]
    held, traded = np.zeros(wanted.shape), np.zeros(wanted.shape, dtype=bool)
    for session in range(1, len(wanted)):
        row = FIRST - 2 + session
        values = shares * prices.close[row]
        total, goal = cash + values.sum(), wanted[session - 1]
        due = ((goal > 0) != (values > 0)) | (np.abs(goal - values / total) >= resize_min)
        bought = np.where(due, goal * total / prices.close[row] - shares, 0.0)
        paid = np.abs(bought) @ prices.open[row + 1]
        cash -= bought @ prices.open[row + 1] + paid * COST_BPS / 1e4
        shares, turnover = shares + bought, turnover + paid / total
        equity.append(cash + shares @ prices.close[row + 1])
        held[session], traded[session] = shares * prices.close[row + 1] / equity[-1], bought != 0
    at_close = np.where(wanted > 0, wanted, np.nan)
    holdings = Holdings(held=held, traded=traded, wanted=at_close, resize_min=resize_min)
    return Played(holdings, np.asarray(equity[1:]) / np.asarray(equity[:-1]) - 1, turnover)


def drawn(rng: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """Draw names by lot and exchange one now and then, shape (S, N)."""
    held, chosen = np.zeros((ROWS - FIRST + 1, NAMES), dtype=bool), rng.permutation(NAMES)[:count]
    for session in range(len(held)):
        if rng.random() < 0.1 and count < NAMES:
            chosen[rng.integers(count)] = rng.choice(np.setdiff1d(np.arange(NAMES), chosen))
        held[session, chosen] = True
    return held


def in_waves(prices: Prices, rng: np.random.Generator, count: int) -> Floats:
    """Hold them in equal parts of an exposure that comes and goes."""
    del prices
    held = drawn(rng, count)
    return held * (0.7 + 0.2 * np.sin(np.arange(len(held)) / 15))[:, None] / count


def scaled(prices: Prices, rng: np.random.Generator, count: int) -> Floats:
    """Hold them in equal parts, scaled to a volatility of 3 % a year, which no portfolio of them falls below."""
    held, moves = drawn(rng, count), prices.close[1:] / prices.close[:-1] - 1
    out = held / count
    for session, row in enumerate(range(FIRST - 1, ROWS)):
        volatility = (moves[row - WINDOW : row] @ out[session]).std(ddof=1) * 252**0.5
        out[session] *= min(1.0, 0.03 / volatility)
    return out


CASES = (
    Case(in_waves, lambda close: own_shares),
    Case(in_waves, lambda close: equal_shares(close, None)),
    Case(scaled, lambda close: equal_shares(close, 1.0)),
)


def books_of(
    prices: Prices, holdings: Holdings, sizes: Sizes, books: int, cost_bps: float = COST_BPS
) -> RandomBooks:
    rng = np.random.default_rng(3)
    return random_books(
        prices.open, prices.close, holdings, sizes, rng, first=FIRST, books=books, cost_bps=cost_bps
    )


def place(prices: Prices, played: Played, sizes: Sizes, books: int) -> float:
    return percentile(sharpe_ratio(played.returns) or 0.0, books_of(prices, played.holdings, sizes, books))


@pytest.mark.parametrize("case", CASES, ids=["own weights", "equal parts", "scaled"])
def test_a_strategy_by_lot_that_resizes_lies_evenly_among_its_books(case: Case) -> None:
    from scipy.stats import kstest

    prices = trending(5)
    sizes, places = case.sizes(prices.close), []
    for seed in range(50):
        played = play(prices, case.wanted(prices, np.random.default_rng(seed), 12), RESIZE_MIN)
        assert played.holdings.traded.sum() > 100, "it hardly traded"
        places.append(place(prices, played, sizes, 60))
    assert kstest(np.array(places) / 100, "uniform").pvalue > 0.02
    assert 40 < np.mean(places) < 60


@pytest.mark.parametrize("case", CASES, ids=["own weights", "equal parts", "scaled"])
def test_who_holds_all_names_is_its_own_null_however_rarely_it_resizes(case: Case) -> None:
    """By what the strategy traded alone, books of other names resized what had not drifted, and seemed better."""
    prices = trending(6)
    played = play(prices, case.wanted(prices, np.random.default_rng(1), NAMES), RESIZE_MIN)
    sizes, later = case.sizes(prices.close), played.holdings.traded[2:]
    assert 50 < later.sum() < 0.5 * later.size
    assert place(prices, played, sizes, 40) == 50
    books = books_of(prices, played.holdings, sizes, 40)
    assert np.abs(books.returns - played.returns).mean() < 2e-5
    blind = played._replace(holdings=replace(played.holdings, wanted=None))
    assert place(prices, blind, sizes, 40) < 10, "the market does not punish resizing: this proves nothing"


@pytest.mark.parametrize("case", CASES, ids=["own weights", "equal parts", "scaled"])
def test_the_books_trade_as_much_as_the_strategy(case: Case) -> None:
    prices, ratios = trending(7), []
    for seed in range(12):
        played = play(prices, case.wanted(prices, np.random.default_rng(seed), 12), RESIZE_MIN)
        sizes = case.sizes(prices.close)
        free, dear = (books_of(prices, played.holdings, sizes, 40, bps).returns for bps in (0.0, 10.0))
        turnover = (np.log1p(free).sum(axis=1) - np.log1p(dear).sum(axis=1)) / 10e-4
        ratios.append(turnover.mean() / played.turnover)
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_in_a_session_in_which_a_limit_let_nothing_through_no_book_trades() -> None:
    prices = trending(8)
    mine = play(prices, in_waves(prices, np.random.default_rng(2), 12), 0.0).holdings
    assert mine.wanted is not None
    wanted, traded = mine.wanted.copy(), mine.traded.copy()
    wanted[100:110], traded[101:111] = np.nan, False
    stopped, rng = replace(mine, wanted=wanted, traded=traded), np.random.default_rng(0)
    drawn_targets = dealt_targets(prices.open, prices.close, stopped, own_shares, rng, first=FIRST, books=5)
    rows = {target.row for target in drawn_targets}
    assert len(rows) == ROWS - FIRST - 10
    assert not rows & set(range(FIRST + 99, FIRST + 109))


def test_an_order_of_the_close_keeps_its_shares_and_small_drift_waits() -> None:
    close = np.array([[10.0, 10.0], [10.0, 10.0], [12.0, 10.0], [12.0, 10.0], [12.0, 10.0]])
    opens = np.array([[10.0, 10.0], [12.0, 10.0], [12.0, 10.0], [24.0, 10.0], [12.0, 10.0]])
    bought, again = Target(0, np.array([[0.5, 0.2]]), 0.02), Target(2, np.array([[0.5, 0.2]]), 0.02)
    returns = hold(opens, close, [bought, again], portfolios=1, first=1, cost_bps=0)[0]
    # 0.05 shares of the one, ordered at 10 and bought at 12: worth 0.9 at that close
    assert returns[0] == pytest.approx(-0.1)
    assert returns[1] == pytest.approx(0.1 / 0.9)
    # at 1.0 of equity the first is 0.6 and sells 0.1 at 12, which it gets 24 for; the other is 0.2 and stays
    assert returns[2] == pytest.approx(0.1)
    nearly = Target(2, np.array([[0.5, 0.185]]), 0.02)
    assert hold(opens, close, [bought, nearly], portfolios=1, first=1, cost_bps=0)[0] == pytest.approx(returns)
