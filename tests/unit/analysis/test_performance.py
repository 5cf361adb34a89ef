"""Performance, trades and ranking against hand-made numbers and pandas, scipy and sklearn."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from analysis.bill_rate import bill_returns, with_interest
from analysis.curves import monthly_returns, simple_returns, worst_drawdown
from analysis.performance import compare, measure_curve, measure_strategy
from analysis.ranking import auc, ranking_by_year, top_group
from analysis.trades import Activity, activity_of, round_trips
from core.errors import InvariantError
from core.orders import Fill, Side
from core.statistics import rank_ic, sharpe_ratios

START = datetime(2024, 1, 2, 15, 0, tzinfo=UTC)
SESSIONS = np.arange("2024-01-02", "2024-01-12", dtype="datetime64[D]")


def fill(number: int, day: int, side: Side, quantity: str, price: str, **other: str) -> Fill:
    return Fill(
        fill_id=f"f{number}", client_order_id=f"o{number}", symbol=other.get("symbol", "AAA"), side=side,
        quantity=Decimal(quantity), price=Decimal(price), fee=Decimal(other.get("fee", "0.00")),
        at=START + timedelta(days=day),
    )  # fmt: skip


def idle(sessions: int) -> Activity:
    flat = np.zeros(sessions)
    return Activity(bought_usd=flat, sold_usd=flat, cost_usd=flat, exposure=flat, profits=np.array([]))


def test_a_curve_by_hand() -> None:
    curve = np.array([100.0, 110.0, 99.0, 99.0, 104.5, 111.0])
    figures = measure_curve(curve, curve)
    assert figures.total_return == pytest.approx(0.11)
    assert figures.drawdown_max == pytest.approx(-0.10)
    assert figures.drawdown_sessions_max == 3
    assert figures.sessions == 5
    assert figures.cagr is None
    assert figures.beta == pytest.approx(1.0)
    assert figures.alpha == pytest.approx(0.0, abs=1e-12)
    assert figures.trades is None


def test_a_year_against_pandas_and_numpy() -> None:
    rng = np.random.default_rng(3)
    market = np.cumprod(np.append(1.0, 1 + rng.normal(0.0004, 0.01, 252)))
    noise = rng.normal(0.0002, 0.004, 252)
    curve = np.cumprod(np.append(50.0, 1 + 0.7 * simple_returns(market) + noise))
    figures = measure_curve(curve, market)
    series = pd.Series(curve).pct_change().dropna()
    slope, intercept = np.polyfit(pd.Series(market).pct_change().dropna(), series, 1)
    below = pd.Series(curve) / pd.Series(curve).cummax() - 1
    run = longest = 0
    for value in below:
        run = run + 1 if value < 0 else 0
        longest = max(longest, run)
    assert figures.cagr == pytest.approx(curve[-1] / curve[0] - 1)
    assert figures.volatility == pytest.approx(series.std() * 252**0.5)
    assert figures.sharpe == pytest.approx(series.mean() / series.std() * 252**0.5)
    assert figures.sortino == pytest.approx(series.mean() / (series.clip(upper=0) ** 2).mean() ** 0.5 * 252**0.5)
    assert figures.alpha == pytest.approx(intercept * 252)
    assert figures.beta == pytest.approx(slope)
    assert figures.drawdown_max == pytest.approx(below.min())
    assert figures.drawdown_sessions_max == longest
    assert sharpe_ratios(simple_returns(curve)[None, :])[0] == pytest.approx(figures.sharpe)


@pytest.mark.parametrize(
    "curve",
    [[1.0], [1.0, 1.1], [1.0, 1.0, 1.0], [1.0] * 300, [1.0, 0.5, 0.0, 0.0], [1.001**k for k in range(60)]],
)
def test_what_is_undefined_is_none_and_nothing_is_nan(curve: list[float]) -> None:
    flat = np.ones(len(curve))
    figures = asdict(measure_strategy(np.array(curve), flat, idle(len(curve))))
    assert all(value is None or np.isfinite(value) for value in figures.values())
    assert figures["beta"] is figures["alpha"] is None
    assert figures["win_rate"] is figures["payoff_ratio"] is None
    assert figures["trades"] == 0


def test_constant_growth_has_no_sharpe() -> None:
    curve = np.asarray(1.001 ** np.arange(60), dtype=np.float64)
    assert measure_curve(curve, curve).sharpe is None
    assert measure_curve(curve, curve).sortino is None


def test_total_loss_is_a_drawdown_of_one() -> None:
    assert worst_drawdown(np.array([1.0, 0.0, 0.0])) == (-1.0, 2)


@pytest.mark.parametrize("curve", [[], [0.0, 1.0], [1.0, float("nan")], [1.0, -0.1], [[1.0]]])
def test_a_curve_that_is_none_is_refused(curve: list[float]) -> None:
    with pytest.raises(InvariantError, match="equity curve"):
        measure_curve(np.array(curve), np.ones(2))


def test_a_benchmark_of_another_length_is_refused() -> None:
    with pytest.raises(InvariantError, match="align"):
        measure_curve(np.ones(5), np.ones(4))


def test_round_trips_to_the_cent() -> None:
    fills = [
        fill(1, 0, Side.BUY, "10", "100.00", fee="1.00"),
        fill(2, 1, Side.BUY, "5", "106.00", fee="0.50"),
        fill(3, 2, Side.SELL, "6", "110.00", fee="0.60"),
        fill(4, 3, Side.SELL, "9", "101.00", fee="0.90"),
        fill(5, 3, Side.BUY, "1", "10.00", symbol="BBB"),
        fill(6, 4, Side.BUY, "2", "50.00"),
        fill(7, 5, Side.SELL, "2", "49.00", fee="0.10"),
    ]
    first, second = round_trips(reversed(fills))
    assert (first.cost_usd, first.proceeds_usd) == (Decimal("1531.50"), Decimal("1567.50"))
    assert first.profit_usd == Decimal("36.00")
    assert first.profit_pct == pytest.approx(36 / 1531.5)
    assert (first.entry_at, first.exit_at) == (fills[0].at, fills[3].at)
    assert (second.entry_at, second.exit_at) == (fills[5].at, fills[6].at)
    assert second.profit_usd == Decimal("-2.10")


def test_selling_what_is_not_held_is_a_bug() -> None:
    with pytest.raises(InvariantError, match="more AAA"):
        round_trips([fill(1, 0, Side.SELL, "1", "1")])


def test_activity_by_session_and_its_figures() -> None:
    fills = [fill(1, 1, Side.BUY, "10", "100.10", fee="1.00"), fill(2, 4, Side.SELL, "10", "109.89", fee="1.00")]
    exposure = np.array([0, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0])
    activity = activity_of(fills, SESSIONS, exposure, slippage_bps=10.0)
    assert activity.bought_usd[1] == pytest.approx(1001.0)
    assert activity.bought_usd.sum() == activity.bought_usd[1]
    assert activity.sold_usd[4] == pytest.approx(1098.9)
    assert activity.cost_usd[1] == pytest.approx(1.0 + 10 * 0.10)
    assert activity.cost_usd[4] == pytest.approx(1.0 + 10 * 0.11)
    equity = np.full(10, 2000.0)
    figures = measure_strategy(equity, equity, activity)
    assert figures.trades == 1
    assert figures.win_rate == 1.0
    assert (figures.sales, figures.sale_win_rate) == (1, 1.0)
    assert figures.payoff_ratio is None
    assert figures.turnover_per_year == pytest.approx((1001 + 1098.9) / 2 / 2000 * 252 / 9)
    assert figures.exposure_mean == pytest.approx(0.15)
    assert figures.cost_usd == pytest.approx(4.1)


def test_win_rate_and_payoff() -> None:
    profits = np.array([0.10, 0.02, -0.03, 0.0])
    curve = np.ones(3)
    activity = Activity(bought_usd=curve, sold_usd=curve, cost_usd=curve, exposure=curve, profits=profits)
    figures = measure_strategy(curve, curve, activity)
    assert figures.win_rate == 0.5
    assert figures.payoff_ratio == pytest.approx(2.0)


def test_wins_are_counted_by_round_trip_and_by_sale() -> None:
    fills = [
        fill(1, 1, Side.BUY, "10", "100"), fill(2, 2, Side.SELL, "4", "110"), fill(3, 3, Side.SELL, "3", "90"),
        fill(4, 4, Side.SELL, "3", "95"), fill(5, 5, Side.BUY, "1", "10"), fill(6, 6, Side.SELL, "1", "11"),
    ]  # fmt: skip
    activity = activity_of(fills, SESSIONS, np.zeros(10), slippage_bps=0)
    assert activity.sale_profits == pytest.approx([0.1, -0.1, -0.05, 0.1])
    assert activity.sale_rows.tolist() == [2, 3, 4, 6]
    figures = measure_strategy(np.full(10, 1.0), np.full(10, 1.0), activity)
    assert (figures.trades, figures.win_rate) == (2, 0.5)  # 4 * 110 + 3 * 90 + 3 * 95 = 995 for 1,000
    assert (figures.sales, figures.sale_win_rate) == (4, 0.5)


def test_the_bill_rate_is_taken_off_and_cash_has_earned_it() -> None:
    days = np.arange("2023-12-27", "2024-01-06", dtype="datetime64[D]")
    rates = [(date(2023, 1, 1), 0.0252), (date(2024, 1, 1), 0.0504)]
    bills = bill_returns(days, rates)
    assert bills[[0, -1]] == pytest.approx([0.0001, 0.0002])
    assert bill_returns(days - 400, rates).tolist() == bill_returns(days, []).tolist() == [0.0] * 10
    cash = with_interest(np.full(10, 100.0), np.zeros(10), bills)
    assert cash[-1] == pytest.approx(100 * np.prod(1 + bills[1:]))
    moves = np.array([0.01, -0.005, 0.02, 0.0, 0.01, -0.01, 0.003, 0.004, 0.001])
    invested = 100 * np.cumprod(np.append(1.0, 1 + moves))
    assert with_interest(invested, np.ones(10), bills) == pytest.approx(invested)
    figures = measure_curve(invested, invested, bills[1:])
    over = moves - bills[1:]
    assert figures.sharpe == pytest.approx(over.mean() / over.std(ddof=1) * 252**0.5)
    assert figures.alpha == pytest.approx(0, abs=1e-12)


def test_excess_returns_are_growth_less_growth() -> None:
    days = np.arange(40)
    market, even, mine = (np.asarray((1 + rate) ** days, dtype=np.float64) for rate in (0.001, 0.002, 0.003))
    table = compare(mine, idle(40), {"SPY": market, "even": even}, yardstick="even")
    growth = [(1 + rate) ** 252 for rate in (0.001, 0.002, 0.003)]
    assert table["strategy"].excess_return == pytest.approx(growth[2] - growth[0])
    assert table["strategy"].excess_over_yardstick == pytest.approx(growth[2] - growth[1])
    assert table["even"].excess_over_yardstick == pytest.approx(0)


def test_a_fill_outside_the_sessions_is_a_bug() -> None:
    with pytest.raises(InvariantError, match="none of the sessions"):
        activity_of([fill(1, 90, Side.BUY, "1", "1")], SESSIONS, np.zeros(10), slippage_bps=0)


def test_compare_puts_the_strategy_first_and_needs_the_market() -> None:
    curve = np.array([1.0, 1.1, 1.05, 1.2])
    table = compare(curve, idle(4), {"equal weight": curve**2, "SPY": curve})
    assert list(table) == ["strategy", "equal weight", "SPY"]
    assert table["SPY"].beta == pytest.approx(1.0)
    assert table["strategy"].trades == 0
    with pytest.raises(InvariantError, match="not among"):
        compare(curve, idle(4), {"equal weight": curve})


def test_months_against_pandas() -> None:
    days = pd.bdate_range("2022-11-10", "2024-02-15")
    curve = np.cumprod(np.append(10.0, 1 + np.random.default_rng(5).normal(0, 0.01, len(days) - 1)))
    table = monthly_returns(curve, days.to_numpy().astype("datetime64[D]"))
    ends = pd.Series(curve, days).resample("ME").last()
    oracle = (ends / ends.shift(fill_value=curve[0]) - 1).to_numpy()
    assert table.years == (2022, 2023, 2024)
    cells = [value for row in table.table for value in row]
    assert [value for value in cells if value is not None] == pytest.approx(list(oracle))
    assert cells[:10] == [None] * 10
    assert cells[-10:] == [None] * 10
    assert np.prod([1 + total for total in table.totals]) == pytest.approx(curve[-1] / curve[0])


def test_a_month_that_only_starts_the_curve_has_no_return() -> None:
    days = np.array(["2018-12-31", "2019-01-02", "2019-01-03"], dtype="datetime64[D]")
    table = monthly_returns(np.array([1.0, 1.1, 1.21]), days)
    assert table.years == (2019,)
    assert table.table[0][0] == pytest.approx(0.21)
    assert monthly_returns(np.ones(1), days[:1]).years == ()


def test_rank_ic_against_scipy_with_gaps_and_ties() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(8)
    predictions = np.round(rng.normal(size=(40, 12)), 1)
    forward = rng.normal(size=(40, 12))
    predictions[rng.random((40, 12)) < 0.2] = np.nan
    forward[rng.random((40, 12)) < 0.2] = np.nan
    forward[7, 4:] = np.nan
    daily = rank_ic(predictions, forward)
    told = 0
    for row, value in enumerate(daily):
        both = np.isfinite(predictions[row]) & np.isfinite(forward[row])
        if both.sum() < 5:
            assert np.isnan(value)
            continue
        told += 1
        assert value == pytest.approx(spearmanr(predictions[row][both], forward[row][both]).statistic)
    assert 30 < told < 40


def test_auc_against_sklearn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(9)
    scores, labels = np.round(rng.normal(size=300), 1), (rng.random(300) < 0.25).astype(float)
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    assert auc(scores, np.ones(300)) is None
    assert auc(np.array([1.0, np.nan, 2.0]), np.array([0.0, 1.0, 1.0])) == 1.0


def test_top_group_takes_a_quarter_of_the_known_names() -> None:
    forward = np.array([[1.0, 5, 3, 4, 2, 8, 7, 6], [np.nan, 5, 3, 4, 2, np.nan, np.nan, np.nan]])
    labels = top_group(forward)
    assert labels[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 0]
    assert labels[1, 1:5].tolist() == [1, 0, 0, 0]
    assert np.isnan(labels[1, [0, 5, 6, 7]]).all()
    assert [top_group(np.arange(float(n))[None, :]).sum() for n in (1, 2, 5, 6, 64)] == [0, 1, 1, 2, 16]


def test_years_of_a_ranking() -> None:
    rng = np.random.default_rng(2)
    forward = rng.normal(size=(60, 8))
    days = np.arange("2020-12-02", "2021-01-31", dtype="datetime64[D]")
    predictions = np.where((days < np.datetime64("2021-01-01"))[:, None], forward, -forward)
    predictions[-3:] = np.nan
    good, bad = ranking_by_year(predictions, forward, days)
    assert (good.year, good.days, bad.year, bad.days) == (2020, 30, 2021, 27)
    assert good.rank_ic == pytest.approx(1.0)
    assert bad.rank_ic == pytest.approx(-1.0)
    assert good.auc is not None
    assert bad.auc is not None
    assert good.auc > 0.85
    assert bad.auc < 0.15
    (empty,) = ranking_by_year(np.full((5, 8), np.nan), forward[:5], days[:5])
    assert (empty.days, empty.rank_ic, empty.auc) == (0, None, None)
