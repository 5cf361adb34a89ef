"""Evidence in a backtest: the evidence profile is the baseline until something is earned, and knows no future."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from rich.console import Console

from backtest.app.strategies import run_pipeline
from backtest.app.study import run_study
from backtest.report import Report
from backtest.runner import Run
from backtest.tables import render
from core.types import BarPanel
from tests.simulation.backtests import folds, panel, spec

END = date(2023, 10, 27)
SEEDED: dict[str, Any] = {"trading.evidence.seed_pct": 0.1}


def run(profile: str, changes: Mapping[str, Any], bars: BarPanel) -> Run:
    asked = replace(spec(), end=END, profile=profile, changes=changes)
    return run_pipeline(asked, bars, folds())[1]


@cache
def baseline() -> Run:
    return run("baseline", {}, panel())


@cache
def seeded() -> Run:
    return run("evidence", SEEDED, panel())


def test_the_evidence_profile_is_the_baseline_until_something_is_earned() -> None:
    evidence = run("evidence", {}, panel())
    assert len(baseline().fills) > 50
    assert [(f.symbol, f.quantity, f.price) for f in evidence.fills] == [
        (f.symbol, f.quantity, f.price) for f in baseline().fills
    ]
    assert np.array_equal(evidence.equity, baseline().equity)


def test_seeds_move_capital_into_the_challengers_and_the_rest_stays() -> None:
    assert not np.array_equal(seeded().equity, baseline().equity)
    least = 1 - 2 * 0.1 - 0.3
    assert (seeded().equity / baseline().equity > least).all()


def poisoned(row: int) -> BarPanel:
    bars, dice = panel(), np.random.default_rng(9)
    fields = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for table in fields.values():
        table[row:] *= dice.uniform(0.5, 2.0, table[row:].shape)
    highest = np.maximum.reduce([fields["open"], fields["close"], fields["high"]])
    lowest = np.minimum.reduce([fields["open"], fields["close"], fields["low"]])
    return replace(bars, **{**fields, "high": highest, "low": lowest})


def test_another_future_changes_no_decision_before_it() -> None:
    sessions = panel().sessions.astype("datetime64[D]")
    cut = int(np.searchsorted(sessions, np.datetime64("2023-10-20")))
    known, other = seeded(), run("evidence", SEEDED, poisoned(cut))
    before = known.sessions < sessions[cut]
    assert before.sum() > 20
    assert np.array_equal(known.equity[before], other.equity[before])
    ended = sessions[cut - 1]
    assert [f for f in known.fills if np.datetime64(f.at.date()) <= ended] == [
        f for f in other.fills if np.datetime64(f.at.date()) <= ended
    ]


def test_where_votes_are_earned_nothing_is_bought_before_one_is() -> None:
    assert not run("runbook", {"trading.votes": "earned"}, panel()).fills


def test_its_report_is_made() -> None:
    asked = replace(
        spec(), end=END, profile="evidence", changes={"trading.synthesizer.baseline.target_volatility_pct": 0.06}
    )
    report = run_study("pipeline", asked, panel(), "made up", artefacts=folds()).report
    assert report.traded.buys > 50
    assert "challengers" in report.about.title
    assert "so alike that a place among them says nothing" in text_of(report)
    for found in (report.windows[0].luck, report.windows[0].dealt):
        assert found.percentile == 50, "a book of all names is its own null"
        assert found.sharpe_p95 - found.sharpe_p05 < 0.04


def text_of(report: Report) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(report))
    return " ".join(console.export_text().split())
