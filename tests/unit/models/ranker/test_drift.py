"""Drift: the PSI against its textbook form, planted shifts found, the live rank IC against scipy's."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec.structs import replace
from scipy.stats import entropy, spearmanr

from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from config.drift import DriftSettings
from config.trading import TradingSettings
from core.errors import RequestError
from core.types import BarPanel, Floats, MarketView
from daemon.models.drift_monitor import DriftMonitor
from daemon.models.ranker import RankerService
from models.factors.store import FactorStore, FactorTable
from models.factors.table import FACTOR_NAMES
from models.ranker import factor_drift
from models.ranker.artefact import QuantArtefact, TrainingWindow
from models.ranker.calibration import Calibration
from models.ranker.drift import BINS, RankerInUse, live_scores, population_stability
from models.ranker.factor_drift import FactorDrift, Stability
from models.ranker.ranker import Ranker
from models.ranker.registry import IN_THIS_PROCESS
from models.ranker.samples import forward_returns
from models.ranker.versions import load_current, save
from tests.default_universe import SECTOR_ETF_OF
from tests.simulation.desk import market, models

HORIZON = 21
finite = st.floats(-3, 3, allow_subnormal=False)


def artefact() -> QuantArtefact:
    found = load_current(Path(models().name))
    assert found is not None
    return found


def a_window(panel: BarPanel, first: int, last: int) -> TrainingWindow:
    days = [str(panel.sessions[row]) for row in (first, last, last + 21)]
    return TrainingWindow(first=days[0], last=days[1], labels_end=days[2])


@cache
def store() -> FactorStore:
    return FactorStore(SECTOR_ETF_OF)


def table(panel: BarPanel) -> FactorTable:
    return store().history(panel)


def view(panel: BarPanel) -> MarketView:
    return MarketView(as_of=panel.known_at[-1].item().replace(tzinfo=UTC), bars=panel)


def test_the_index_is_the_symmetric_divergence_over_the_tenths() -> None:
    random = np.random.default_rng(1)
    expected, actual = random.normal(size=5000), random.normal(0.4, 1.2, size=3000)
    edges = np.quantile(expected, np.linspace(0, 1, BINS + 1))
    edges[[0, -1]] = -np.inf, np.inf
    e, a = ((np.histogram(x, edges)[0] + 0.5) / (len(x) + 0.5 * BINS) for x in (expected, actual))
    assert population_stability(expected, actual) == pytest.approx(entropy(a, e) + entropy(e, a), rel=1e-9)
    assert population_stability(expected, actual) > 0.1


@settings(max_examples=50, deadline=None)
@given(
    expected=arrays(np.float64, st.integers(1, 60), elements=finite),
    actual=arrays(np.float64, st.integers(1, 60), elements=finite),
)
def test_the_index_is_finite_never_negative_and_0_for_the_same_sample(expected: Floats, actual: Floats) -> None:
    assert 0 <= population_stability(expected, actual) < np.inf
    assert population_stability(expected, expected) == 0


def test_the_live_rank_ic_is_spearmans_on_sessions_whose_outcome_is_known() -> None:
    panel, trained = market(), artefact()
    since = panel.known_at[np.searchsorted(panel.sessions, np.datetime64("2021-04-05"))]
    scores = live_scores(panel, table(panel), [RankerInUse(ranker=Ranker(trained), since=since)], trained)
    assert scores is not None
    assert panel.known_at[scores.day[0]] == since
    assert scores.day[-1] == len(panel.sessions) - 1 - HORIZON
    assert len(scores.day) > 30
    forward, z = forward_returns(panel.close, HORIZON), table(panel).z
    for row, rank_ic in zip(scores.day[::7], scores.rank_ic[::7], strict=True):
        margin = Ranker(trained).rank(np.ascontiguousarray(z[row])).margin
        known = np.isfinite(margin) & np.isfinite(forward[row])
        assert rank_ic == pytest.approx(spearmanr(margin[known], forward[row][known]).statistic)


def test_each_session_is_judged_by_the_ranker_in_use_then_and_none_by_one_that_knew_its_outcome() -> None:
    panel, trained = market(), artefact()
    better = replace(trained, booster=trained.booster, calibration=Calibration(slope=2.0, intercept=0.0))
    early, late = panel.known_at[[0, 480]]
    both = [RankerInUse(ranker=Ranker(trained), since=early), RankerInUse(ranker=Ranker(better), since=late)]
    scores = live_scores(panel, table(panel), both, trained)
    assert scores is not None
    assert (panel.sessions[scores.day] > np.datetime64(trained.labels_end)).all()
    assert live_scores(panel, table(panel), [], trained) is None


def make_watch(folder: Path, hub: EventHub, **limits: float) -> DriftMonitor:
    return DriftMonitor(folder, DriftSettings.model_validate(limits), hub, IN_THIS_PROCESS)


def alerts(hub: EventHub) -> list[str]:
    return [event.data["message"] for event in hub._log if event.topic == "risk.alert"]


def test_a_passed_threshold_is_told_once_and_stays_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, panel = EventHub(), market()
    watch = make_watch(Path(models().name), hub)
    dice = np.random.default_rng(4)

    def moved(*_: object, **__: object) -> FactorDrift:
        found = {name: Stability(psi=dice.uniform(0.5, 0.504), limit=0.3) for name in FACTOR_NAMES}
        return FactorDrift(factors=found, false_alarms_month=0.004)

    monkeypatch.setattr(factor_drift, "factor_drift", moved)
    for rows in (-2, -1, None):
        watch.update(view(panel.prefix(len(panel.sessions) + (rows or 0))), store(), artefact())
    assert len(alerts(hub)) == 1
    assert all("PSI of momentum_5d 0.50 (limit 0.30)" in told for told in alerts(hub))
    assert "a month without a shift passes a limit with 1%" in alerts(hub)[0]
    assert "POST /quant/retrain would learn 60 newer sessions" in alerts(hub)[0]
    assert watch.found["alarms"] == watch.alarms != []
    assert set(watch.found["psi"]) == set(FACTOR_NAMES)
    assert watch.found["false_alarms_month"] == {"declared_max": 0.01, "bootstrap": 0.004}
    before = hub.sequence
    watch.update(view(panel), store(), artefact())
    assert hub.sequence == before, "the same session is judged once"


def test_a_fresh_ranker_raises_no_alarm_on_the_data_it_was_trained_on() -> None:
    hub, panel = EventHub(), market()
    watch = make_watch(Path(models().name), hub)
    watch.update(view(panel), store(), artefact())
    assert watch.found["state"] == "judged"
    assert watch.alarms == []
    rate = watch.found["false_alarms_month"]
    assert rate["bootstrap"] is None or rate["bootstrap"] <= rate["declared_max"]


def test_a_ranker_far_below_its_promise_is_told(tmp_path: Path) -> None:
    hub, panel, trained = EventHub(), market(), artefact()
    save(trained, tmp_path, datetime(2021, 4, 2, tzinfo=UTC))
    boasting = replace(trained, metrics={**trained.metrics, "rank_ic": 0.9, "rank_ic_standard_error": 0.01})
    watch = make_watch(tmp_path, hub, psi_max=100.0)
    watch.update(view(panel), store(), boasting)
    assert ["ranks worse live" in told for told in alerts(hub)] == [True]
    assert watch.found["live"]["sessions"] > 21
    humble = replace(boasting, model_id="other", metrics={**trained.metrics, "rank_ic": -0.9})
    watch.update(view(panel), store(), humble)
    assert watch.alarms == []


def test_what_cannot_be_judged_is_told_and_stops_nothing(tmp_path: Path) -> None:
    save(artefact(), tmp_path, datetime(2021, 4, 2, tzinfo=UTC))
    for kept in (tmp_path / "registry").glob("*.msgpack"):
        kept.write_bytes(b"changed")
    watch = make_watch(tmp_path, EventHub())
    watch.update(view(market()), store(), artefact())
    assert "not a model this engine wrote" in watch.found["state"]
    assert watch.alarms == []


def test_a_rollback_takes_the_version_before_tells_and_ends_with_the_first(tmp_path: Path) -> None:
    hub, first = EventHub(), artefact()
    second = replace(first, model_id=first.model_id, samples=first.samples + 1)
    desk = RankerService(tmp_path, TradingSettings(), hub)
    for number, one in enumerate((first, second)):
        save(one, tmp_path, datetime(2021, 4, 2 + number, tzinfo=UTC))
    desk.open(ManualClock(datetime(2021, 4, 5, tzinfo=UTC)), FactorStore(SECTOR_ETF_OF))
    assert desk.provider.artefact == second
    answer = desk.rollback()
    assert desk.provider.artefact == first
    assert [(line["samples"], line["in_use"]) for line in answer["versions"]] == [
        (second.samples, False), (first.samples, True),
    ]  # fmt: skip
    assert [e.data["reason"] for e in hub._log if e.topic == "model.updated"] == [
        f"rolled back from {second.model_id} by a person"
    ]
    with pytest.raises(RequestError, match="no earlier ranker") as caught:
        desk.rollback()
    assert caught.value.status == 409
    card = desk.cards(datetime(2021, 4, 5, tzinfo=UTC))["quant"]
    assert card["drift"] == {"state": "not judged yet"}
    assert len(card["versions"]) == 2
