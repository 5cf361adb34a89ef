"""The report of a backtest: its figures against independent sums, and what it may not know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np
import pytest

from analysis.trades import round_trips
from backtest.app.output import picture_of, to_json
from backtest.app.settings import settings_of, v8_settings
from backtest.app.strategies import decision_rows, full_window_row, predict, run_pipeline, run_v8
from backtest.app.study import Strategy, measure, recorded_trials, run_study
from backtest.to_json import figures, plain
from backtest.trading import describe, unproven
from core.errors import RequestError
from core.orders import Fill, Side
from core.round_trips import RoundTrip
from core.types import Abstention
from models.factors.store import FactorStore
from models.ranker.ranker import Ranker
from models.ranker.registry import WalkForwardRankers
from tests.default_universe import BENCHMARK, DEFAULT, SECTOR_ETF_OF, STOCKS
from tests.simulation.backtests import END, SHORT_END, SMALL, START, folds, panel, spec, study

BOTH: tuple[Strategy, Strategy] = ("pipeline", "quant_v8")
V8_COST = 0.0010


def test_the_pipeline_traded_exited_and_was_refused() -> None:
    report = study("pipeline").report
    assert report.warnings == ()
    assert report.traded.buys > 20
    assert report.traded.round_trips > 10
    assert len(report.traded.exits) > 2
    assert report.traded.refusals


@pytest.mark.parametrize("strategy", BOTH)
def test_what_closed_and_what_is_open_make_up_the_equity(strategy: Strategy) -> None:
    done = study(strategy)
    closed_trips = round_trips(done.run.fills)
    closed = sum((trip.profit_usd for trip in closed_trips), Decimal(0))
    ended = sum(len([f for f in done.run.fills if f.symbol == s]) for s in {t.symbol for t in closed_trips})
    assert ended > 0
    book = done.backtest_engine.engine.portfolio
    held = sum((p.quantity * (p.last_price - p.average_price) for p in book.positions.values()), Decimal(0))
    sold_part = _part_sales(done.run.fills, closed_trips)
    gained = done.run.equity[-1] - done.run.equity[0]
    assert gained == pytest.approx(float(closed + held + sold_part), abs=1.0)
    assert gained != 0


def _part_sales(fills: Sequence[Fill], trips: Sequence[RoundTrip]) -> Decimal:
    """Profit already taken on positions that are still open, by the average cost method, as the book keeps it."""
    closed_at: dict[str, datetime] = {}
    for trip in trips:
        closed_at[trip.symbol] = trip.exit_at
    quantity: dict[str, Decimal] = {}
    average: dict[str, Decimal] = {}
    profit = Decimal(0)
    for fill in fills:
        if fill.symbol in closed_at and fill.at <= closed_at[fill.symbol]:
            continue
        had = quantity.get(fill.symbol, Decimal(0))
        if fill.side is Side.BUY:
            total = had * average.get(fill.symbol, Decimal(0)) + fill.quantity * fill.price
            quantity[fill.symbol] = had + fill.quantity
            average[fill.symbol] = total / quantity[fill.symbol]
        else:
            quantity[fill.symbol] = had - fill.quantity
            profit += fill.quantity * (fill.price - average[fill.symbol])
    return profit


@pytest.mark.parametrize("strategy", BOTH)
def test_the_headline_figures_are_those_of_the_equity(strategy: Strategy) -> None:
    done = study(strategy)
    figures_ = done.report.windows[0].table["strategy"]
    bills = np.where(done.run.sessions[1:] < np.datetime64("2024-01-01"), 0.051, 0.050) / 252
    moves = done.run.equity[1:] / done.run.equity[:-1] - 1 + (1 - done.run.exposure[:-1]) * bills
    equity = np.append(1.0, np.cumprod(1 + moves))
    over = moves - bills
    assert (bills > 0).all()
    assert figures_.total_return == pytest.approx(equity[-1] - 1)
    assert figures_.sharpe == pytest.approx(over.mean() / over.std(ddof=1) * 252**0.5)
    assert figures_.drawdown_max == pytest.approx((equity / np.maximum.accumulate(equity) - 1).min())
    assert figures_.exposure_mean == pytest.approx(done.run.exposure[1:].mean())
    assert done.report.curves["strategy"][-1] == pytest.approx(equity[-1])


def test_spy_is_bought_at_the_close_before_the_start_and_held() -> None:
    report, bars = study("quant_v8").report, panel()
    first, last = decision_rows(spec(), bars)
    close = bars.close[:, bars.column[BENCHMARK]]
    assert report.windows[0].first == str(START)
    assert report.windows[0].last == str(bars.sessions[last]) <= str(END)
    assert report.windows[0].table[BENCHMARK].total_return == pytest.approx(close[last] / close[first] - 1)
    assert report.windows[0].table[BENCHMARK].beta == pytest.approx(1)


def test_costs_are_ten_basis_points_of_what_v8_traded() -> None:
    done = study("quant_v8")
    traded = sum(float(fill.quantity * fill.price) for fill in done.run.fills)
    assert traded > 0
    assert done.report.windows[0].table["strategy"].cost_usd == pytest.approx(traded * V8_COST, rel=2e-3)


def test_v8_holds_eight_names_between_rebalances_and_sells_by_no_rule() -> None:
    done = study("quant_v8")
    assert set(done.report.traded.exits) == {"rebalance"}
    assert len(done.backtest_engine.engine.portfolio.positions) == 8
    assert done.run.exposure[30:].min() > 0.9


@pytest.mark.parametrize("strategy", BOTH)
def test_exits_by_rule_add_up(strategy: Strategy) -> None:
    done = study(strategy)
    exits = done.report.traded.exits.values()
    assert (
        sum(rule.trades for rule in exits)
        == done.report.traded.round_trips
        == len(round_trips(done.run.fills))
        > 0
    )
    profit = float(sum(trip.profit_usd for trip in round_trips(done.run.fills)))
    assert sum(rule.profit_usd for rule in exits) == pytest.approx(profit)


def test_a_run_that_never_trades_says_so_loudly() -> None:
    whole = study("pipeline").run
    idle = replace(whole, fills=(), refusals={}, equity=np.full(len(whole.equity), 1e5))
    said = " ".join(unproven(idle, describe(idle, (), {})))
    assert "NOT ONE TRADE" in said
    assert "NEVER MOVED" in said
    bought = tuple(fill for fill in whole.fills if fill.side is Side.BUY)[:1]
    open_ended = replace(whole, fills=bought, refusals={})
    said = " ".join(unproven(open_ended, describe(open_ended, (), {})))
    assert "NOT ONE EXIT" in said
    assert "NOT ONE REFUSAL" in said


def test_each_prediction_is_that_of_the_ranker_the_daemon_would_be_allowed() -> None:
    bars, provider = panel(), WalkForwardRankers([Ranker(one) for one in folds()])
    said, z = predict(bars, folds(), DEFAULT), FactorStore(SECTOR_ETF_OF).history(bars).z
    first, last = decision_rows(spec(), bars)
    feed = study("pipeline").backtest_engine.engine.parts.feed
    models = set()
    for row in range(first, last + 1, 7):
        clock = study("pipeline").backtest_engine.clock
        view = feed.view(bars.known_at[row].item().replace(tzinfo=clock.now().tzinfo))
        ranker = provider.model_for(view)
        assert not isinstance(ranker, Abstention)
        assert ranker.artefact.labels_end < str(view.session)
        models.add(ranker.artefact.model_id)
        expected = ranker.rank(np.ascontiguousarray(z[row]))
        np.testing.assert_array_equal(said.margin[row], expected.margin)
        np.testing.assert_array_equal(said.probability[row], expected.p_outperform)
    assert len(models) > 2


def test_a_ranker_that_knows_the_future_is_never_used() -> None:
    """A stored artefact whose training ends after the start is no fold: handed over, it still stays silent."""
    late = tuple(one for one in folds() if one.labels_end >= str(END))
    assert not late
    newest = max(folds(), key=lambda one: one.labels_end)
    said = predict(panel(), (newest,), DEFAULT)
    knows = panel().sessions.astype("datetime64[D]") <= np.datetime64(newest.labels_end)
    assert np.isnan(said.margin[knows]).all()
    assert np.isfinite(said.margin[~knows]).any()
    for report in study("pipeline").backtest_engine.ledger.decisions(10_000):
        model = report.plan.analysis.models["quant"]
        used = next(one for one in folds() if one.model_id == model)
        assert used.labels_end < report.bars_until


def test_the_report_is_the_same_bytes_twice() -> None:
    done = study("quant_v8")
    again = measure("quant_v8", spec(), panel(), "made up", folds(), (done.backtest_engine, done.run))
    assert to_json(again) == to_json(done.report)


def test_the_json_names_every_figure() -> None:
    content = json.loads(to_json(study("pipeline").report))
    window = content["windows"][0]
    assert {"low", "high"} == set(window["significance"]["interval"])
    assert {"rank_ic", "p_value", "days"} == set(window["ranking"])
    assert window["luck"]["books"] == window["dealt"]["books"] == 200
    assert 0 <= window["luck"]["yardstick_percentile"] <= 100
    assert window["significance"]["track_record_sessions_min"] is None or window["seen"]
    assert window["significance"]["trials"] == recorded_trials(spec()).count > 1
    assert any("hindsight" in said for said in content["caveats"])
    assert "curves" not in figures(study("pipeline").report)
    assert plain((1, {"a": (2,)})) == [1, {"a": [2]}]


def test_the_picture_shows_the_same_figures() -> None:
    report = study("pipeline").report
    picture = picture_of(report)
    assert list(picture.curves) == list(report.windows[0].table)
    assert picture.high_volatility.any()
    assert f"{report.windows[0].table['strategy'].sharpe:.2f}" in picture.notes["strategy"]


def test_rebalancing_on_other_days_brackets_the_book() -> None:
    window = study("quant_v8").report.windows[0]
    assert window.phases is not None
    assert window.phases.books == 21
    low, _, high = window.phases.total_return
    assert low < window.table["strategy"].total_return < high


def test_a_span_without_a_past_is_refused() -> None:
    with pytest.raises(RequestError, match="cannot be walked forward"):
        decision_rows(replace(spec(), start=panel().sessions[30].item()), panel())
    with pytest.raises(RequestError, match="cannot be walked forward"):
        decision_rows(replace(spec(), end=START.replace(year=2020)), panel())


def test_a_start_that_is_asked_for_may_lie_before_the_rankers_window_is_full() -> None:
    """The ranker learns from what there is, and the report says so; by itself it begins with a full window."""
    sessions = panel().sessions
    early = replace(spec(), start=sessions[252].item(), end=sessions[300].item())
    done = run_study("quant_v8", early, panel(), "made up")
    assert str(done.run.sessions[1])[:10] == str(sessions[252])[:10]
    assert done.report.traded.buys > 5
    assert any("fewer than 8 months" in caveat for caveat in done.report.about.caveats)
    assert decision_rows(replace(spec(), start=None), panel())[0] == full_window_row(
        settings_of(spec()).trading.quant
    )
    assert not any("fewer than" in caveat for caveat in study("quant_v8").report.about.caveats)


def test_settings_of_a_backtest() -> None:
    chosen = settings_of(spec())
    assert chosen.trading.quant.n_estimators == SMALL["quant"]["n_estimators"]
    assert settings_of(replace(spec(), seed=5)).trading.quant.seed == 5
    assert settings_of(replace(spec(), profile="diversified")).trading.profile == "diversified"
    alone = v8_settings(chosen)
    assert alone.risk.circuit_breakers.max_drawdown_pct is None
    assert alone.trading.quant == chosen.trading.quant


def test_a_window_after_the_choice_is_not_deflated_by_the_trials_before_it() -> None:
    done = study("pipeline")
    args = (panel(), "made up", folds(), (done.backtest_engine, done.run))
    middle = done.run.sessions[len(done.run.sessions) // 2].item()
    report = measure("pipeline", replace(spec(), unseen_after=middle), *args)
    whole, after = report.windows
    assert (whole.seen, after.seen) == (True, False)
    assert after.name == f"not seen: after {middle}"
    assert str(middle) < after.first < after.last == whole.last
    assert whole.significance.trials == recorded_trials(spec()).count > 1
    assert after.significance.trials == 1
    assert after.significance.hurdle == 0
    assert after.significance.deflated == after.significance.probabilistic
    early = measure("pipeline", replace(spec(), unseen_after=START.replace(year=2022)), *args)
    assert [window.seen for window in early.windows] == [False]


def test_v8_scores_only_stocks() -> None:
    margin = predict(panel(), folds(), DEFAULT).margin
    others = [column for name, column in panel().column.items() if name not in STOCKS]
    assert np.isnan(margin[:, others]).all()
    _, run = run_v8(spec(), panel(), folds())
    assert {fill.symbol for fill in run.fills} <= set(STOCKS)


def test_the_diversified_book_is_the_same_without_a_ranker() -> None:
    """`benchmarks/diversified_caveats.py` rests on it: it trains none."""
    measured = replace(spec(), profile="diversified", end=SHORT_END)
    _, heard = run_pipeline(measured, panel(), folds())
    _, deaf = run_pipeline(measured, panel(), ())
    assert len(heard.fills) > 20
    assert {fill.rule for fill in heard.fills} == {"allocation"}
    np.testing.assert_array_equal(heard.equity, deaf.equity)
    assert heard.fills != deaf.fills  # their ids seal the models that were heard
