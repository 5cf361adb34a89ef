"""Switching parts off, windows, luck, and the scanner's backtest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from backtest.app.scan_study import scan_backtest, scan_history
from backtest.app.settings import settings_of, without_agent, without_exit_rules
from backtest.app.strategies import decision_rows, run_pipeline
from backtest.attribution import Ablation, contributions, trial_returns
from backtest.scan import ScanHistory, by_year, forward_from_open, measure_scan
from backtest.spans import SeenSpan, SessionRange, windows_of
from backtest.windows import Trials, place_among
from core.orders import Side
from core.statistics import sharpe_ratios
from tests.panels import with_future_changed
from tests.simulation.backtests import folds, panel, spec, study, taken_apart

HORIZON = 5


def test_every_agent_and_every_exit_rule_that_acted_is_switched_off() -> None:
    report = taken_apart().report
    parts = {(one.kind, one.part) for one in report.attribution}
    assert {part for kind, part in parts if kind == "agent"} == {"market", "momentum", "quant", "regime"}
    fired = {rule for rule in report.traded.exits if rule not in {"score", "rebalance"}}
    named = {name for _, part in parts for name in part.split(" and ")}
    assert fired <= named
    assert ("exit rule", "all of them") in parts
    assert report.overfitting is not None
    assert report.overfitting.trials == len(parts) + 1
    changed = [one for one in report.attribution if one.windows["whole span"].sharpe_given_up != 0]
    assert len(changed) > len(parts) / 2


def test_a_rule_that_is_off_never_fires() -> None:
    chosen = settings_of(spec())
    fired = {fill.rule for fill in study("pipeline").run.fills if fill.side is Side.SELL}
    assert "stop_loss" in fired
    off = dict(without_exit_rules(chosen, fired))
    _, run = run_pipeline(spec(), panel(), folds(), settings=off["stop_loss"])
    sold = {fill.rule for fill in run.fills if fill.side is Side.SELL}
    assert sold
    assert "stop_loss" not in sold
    _, endless = run_pipeline(spec(), panel(), folds(), settings=off["all of them"])
    assert {fill.rule for fill in endless.fills if fill.side is Side.SELL} <= {"score"}
    bought = [next(f for f in one.fills if f.side is Side.BUY) for one in (study("pipeline").run, endless)]
    assert bought[0].symbol == bought[1].symbol
    assert bought[0].quantity == bought[1].quantity, "the sizes have changed"
    assert dict(without_exit_rules(chosen, ())) == {}
    assert without_agent(chosen, "quant").trading.synthesizer.weights.quant == 0


def test_switching_nothing_off_gives_nothing_up() -> None:
    whole = study("pipeline").run
    (same,) = contributions(
        whole, [Ablation(kind="agent", part="nobody", run=whole)], np.zeros(len(whole.sessions))
    )
    assert same.windows["whole span"].sharpe_given_up == 0
    assert same.windows["whole span"].total_return == pytest.approx(whole.equity[-1] / whole.equity[0] - 1)
    assert trial_returns([whole, whole]).shape == (len(whole.equity) - 1, 2)


def test_the_standing_windows_are_split_out_where_the_span_covers_them() -> None:
    days = np.arange("2018-12-31", "2025-03-10", dtype="datetime64[D]")
    assert [rows.name for rows in windows_of(days)] == ["whole span", "2019-21", "2022-25"]
    for rows, first, last in zip(
        windows_of(days)[1:], ("2019-01-02", "2022-01-03"), ("2021-12-31", "2025-02-28"), strict=True
    ):
        assert (str(days[rows.first]), str(days[rows.last])) == (first, last)
    assert [rows.name for rows in windows_of(days[10:])] == ["whole span", "2022-25"]
    assert [rows.name for rows in windows_of(days[:-20])] == ["whole span", "2019-21"]


def test_what_lies_beside_the_seen_span_is_a_window_of_its_own() -> None:
    days = np.arange("2017-10-02", "2026-06-30", dtype="datetime64[D]")
    seen = SeenSpan(date(2019, 1, 2), date(2025, 2, 28))
    found = {rows.name: rows for rows in windows_of(days, seen)}
    assert [(name, rows.seen) for name, rows in found.items()] == [
        ("whole span", True), ("2019-21", True), ("2022-25", True), ("2025-26", False),
        ("not seen: before 2019-01-02", False), ("not seen: after 2025-02-28", False),
    ]  # fmt: skip
    before, after = list(found.values())[-2:]
    assert (str(days[before.last]), str(days[after.first])) == ("2019-01-01", "2025-03-01")
    assert (before.first, after.last) == (1, len(days) - 1)
    inside = windows_of(days[(days > np.datetime64("2020-01-01")) & (days < np.datetime64("2021-01-01"))], seen)
    assert [(rows.name, rows.seen) for rows in inside] == [("whole span", True)]


def test_a_strategy_is_placed_among_the_books_of_its_own_sessions() -> None:
    returns = np.random.default_rng(3).normal(0.0005, 0.01, (201, 300))
    rows = SessionRange("part", 101, 200)
    inside = np.sort(sharpe_ratios(returns[:, 100:200]))
    luck = place_among(returns, rows, float(inside[100]), 99.0)
    assert luck.percentile == pytest.approx(50, abs=2)
    assert luck.yardstick_percentile == 100
    assert luck.sharpe_median == pytest.approx(inside[100])
    assert place_among(returns, rows, 99.0).percentile == 100
    assert place_among(returns, rows, None).percentile is None


def test_one_trial_needs_no_deflation_and_many_do() -> None:
    assert Trials(count=9, sharpes=(1.0, 2.0, 3.0)).variance(100) == pytest.approx(1.0)
    assert Trials(count=9).variance(504) == pytest.approx(0.5)
    found = study("pipeline").report.windows[0].significance
    assert found.probabilistic is not None
    assert found.deflated is not None
    assert found.deflated < found.probabilistic


def made_history(sessions: int = 120, names: int = 20, skill: float = 0.0) -> ScanHistory:
    rng = np.random.default_rng(5)
    forward = rng.normal(0, 0.05, (sessions, names))
    forward[-HORIZON:] = np.nan
    picked = np.argsort(-np.nan_to_num(forward) * skill - rng.normal(0, 1e-9, forward.shape), axis=1) < 0
    best = np.argsort(-(np.nan_to_num(forward) * skill + rng.normal(0, 0.05, forward.shape)), axis=1)[:, :5]
    np.put_along_axis(picked, best, True, axis=1)
    return ScanHistory(
        sessions=np.arange(sessions) + np.datetime64("2021-10-01", "D"),
        picked=picked,
        forward=forward,
        index_forward=np.nanmean(np.vstack([forward[:-HORIZON], np.zeros((HORIZON, names))]), axis=1),
        scores=rng.normal(0, 1, (sessions, 14)),
        sector_forward=rng.normal(0, 1, (sessions, 14)),
    )


def test_a_scan_that_knows_wins_and_one_that_does_not_is_seen() -> None:
    whole = SessionRange("all", 0, 119)
    knows = measure_scan(made_history(skill=50.0), whole, HORIZON, 1)
    blind = measure_scan(made_history(), whole, HORIZON, 1)
    assert knows is not None
    assert blind is not None
    assert knows.scans == 120 - HORIZON
    assert knows.over_universe.hit_rate == 1.0
    assert knows.over_universe.interval is not None
    assert knows.over_universe.interval.low > 0.03
    assert blind.over_universe.interval is not None
    assert blind.over_universe.interval.low < 0 < blind.over_universe.interval.high
    assert 0.4 < blind.pick_hit_rate < 0.6


def test_the_scans_years_add_up() -> None:
    history = made_history()
    years = by_year(history, HORIZON, 1)
    assert [year.name for year in years] == ["2021", "2022"]
    assert sum(year.scans for year in years) == 120 - HORIZON - 1


def test_forward_returns_go_from_the_next_open() -> None:
    opens = np.array([[1.0], [2.0], [3.0], [5.0], [8.0]])
    np.testing.assert_allclose(
        forward_from_open(opens, 2)[:, 0], [1.5, 5 / 3, np.nan, np.nan, np.nan][:2] + [np.nan] * 3
    )
    assert np.isnan(forward_from_open(opens[:3], 2)).all()


def test_the_scan_knows_nothing_of_the_future() -> None:
    chosen, row = settings_of(spec()), decision_rows(spec(), panel())[0] + 40
    true = scan_history(spec(), panel(), chosen, HORIZON, lambda done, of: None)
    other = scan_history(spec(), with_future_changed(panel(), row), chosen, HORIZON, lambda done, of: None)
    assert true.picked[:41].any()
    np.testing.assert_array_equal(true.picked[:41], other.picked[:41])
    np.testing.assert_array_equal(true.scores[:41], other.scores[:41])
    assert (true.picked[41:] != other.picked[41:]).any()


def test_the_scanners_backtest_reports() -> None:
    report = scan_backtest(spec(), panel(), "made up")
    assert report.warnings == ()
    whole = report.windows[0]
    assert whole.scans > 50
    assert 0 < whole.picks_mean <= 15
    assert {year.name for year in report.years} <= {"2023", "2024"}
    assert any("hindsight" in said for said in report.caveats)
