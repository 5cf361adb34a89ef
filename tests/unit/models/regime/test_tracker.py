"""The regime: filtered forward and never smoothed, named by volatility, on a schedule of the calendar's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from itertools import product

import numpy as np
import pytest

from config.trading import RegimeSettings
from core.errors import DataError
from core.types import Abstention, BarPanel, Floats, Regime
from models.regime.hmm import (
    STATES,
    HiddenMarkovModel,
    fit,
    forward_filter,
    log_densities,
    observations,
)
from models.regime.tracker import RegimeTracker
from tests.panels import make_panel, with_future_changed

SETTINGS = RegimeSettings(window_sessions=300, restarts=2)
PANEL = make_panel(4, 420, ("SPY", "AAPL"))


def regime(panel: BarPanel, settings: RegimeSettings = SETTINGS) -> Regime:
    said = RegimeTracker(settings).at(panel)
    assert isinstance(said, Regime), said
    return said


def small_model() -> HiddenMarkovModel:
    return HiddenMarkovModel(
        centre=np.array([0.1, -4.0]),
        scale=np.array([0.5, 0.3]),
        start=np.array([0.7, 0.3]),
        transition=np.array([[0.9, 0.1], [0.25, 0.75]]),
        means=np.array([[0.1, -0.8], [-0.2, 1.1]]),
        precisions=np.linalg.inv(np.array([[[0.5, 0.1], [0.1, 0.4]], [[1.5, -0.2], [-0.2, 0.9]]])),
        log_norms=np.array([-np.log(2 * np.pi) - 0.5 * np.log(d) for d in (0.5 * 0.4 - 0.01, 1.5 * 0.9 - 0.04)]),
        log_likelihood=0.0,
    )


def seen_by_small_model(sessions: int) -> Floats:
    return np.random.default_rng(8).normal([0.1, -4.0], [0.6, 0.4], (sessions, 2))


def test_densities_are_scipys() -> None:
    from scipy.stats import multivariate_normal

    model, seen = small_model(), seen_by_small_model(12)
    scaled = (seen - model.centre) / model.scale
    for state in range(2):
        law = multivariate_normal(model.means[state], np.linalg.inv(model.precisions[state]))
        np.testing.assert_allclose(log_densities(model, seen)[:, state], law.logpdf(scaled), rtol=1e-9)


def test_the_filter_is_the_sum_over_every_path() -> None:
    model, seen = small_model(), seen_by_small_model(9)
    densities = np.exp(log_densities(model, seen))
    filtered = np.exp(forward_filter(model, seen))
    for last in range(len(seen)):
        weight = np.zeros(2)
        for path in product(range(2), repeat=last + 1):
            p = model.start[path[0]] * densities[0, path[0]]
            for now in range(1, last + 1):
                p *= model.transition[path[now - 1], path[now]] * densities[now, path[now]]
            weight[path[-1]] += p
        np.testing.assert_allclose(filtered[last], weight / weight.sum(), rtol=1e-10)


def test_the_filter_is_the_plain_recursion_over_a_long_history() -> None:
    model, seen = small_model(), seen_by_small_model(800)
    densities = np.exp(log_densities(model, seen))
    belief, want = model.start * densities[0], []
    for row in range(len(seen)):
        belief = belief if row == 0 else (belief @ model.transition) * densities[row]
        belief = belief / belief.sum()
        want.append(belief)
    np.testing.assert_allclose(np.exp(forward_filter(model, seen)), want, rtol=1e-9, atol=1e-300)


def test_going_on_from_a_belief_is_going_through_at_once() -> None:
    model, seen = small_model(), seen_by_small_model(50)
    whole = forward_filter(model, seen)
    rest = forward_filter(model, seen[30:], whole[29])
    assert whole[30:].tobytes() == rest.tobytes()
    smoothed_would_differ = forward_filter(model, seen[:31])
    assert whole[:31].tobytes() == smoothed_would_differ.tobytes()


@pytest.mark.parametrize("row", [330, 357, 400])
def test_another_future_changes_nothing(row: int) -> None:
    cut = regime(PANEL.prefix(row + 1))
    poisoned = with_future_changed(PANEL, row)
    assert regime(poisoned.prefix(row + 1)) == cut
    tracker = RegimeTracker(SETTINGS)
    tracker.at(poisoned)
    assert tracker.at(PANEL.prefix(row + 1)) == cut
    assert cut.as_of == PANEL.known_at[row].astype(object).replace(tzinfo=UTC)


def test_one_tracker_through_history_agrees_with_a_fresh_one_each_day() -> None:
    tracker = RegimeTracker(SETTINGS)
    said = [tracker.at(PANEL.prefix(rows)) for rows in range(360, 421)]
    assert len({r.model_id for r in said if isinstance(r, Regime)}) in (3, 4)
    for place in (0, 17, 40, 60):
        assert said[place] == regime(PANEL.prefix(360 + place))


def test_where_the_history_begins_does_not_matter_once_the_window_is_full() -> None:
    full = regime(PANEL)
    late = BarPanel(
        sessions=PANEL.sessions[60:], known_at=PANEL.known_at[60:], symbols=PANEL.symbols,
        **{name: getattr(PANEL, name)[60:] for name in ("open", "high", "low", "close", "volume")},
    )  # fmt: skip
    settings = SETTINGS.model_copy(update={"window_sessions": 280})
    assert regime(late, settings) == regime(PANEL, settings)
    assert sum(full.probabilities.values()) == pytest.approx(1)


def test_states_are_named_by_volatility_whatever_the_fit_calls_them() -> None:
    close = make_panel(6, 700, ("SPY",)).close[:, 0]
    seen = observations(close, 20)
    for seed in range(4):
        model = fit(seen, restarts=3, seed=seed)
        assert model.means[0, 1] < model.means[1, 1]
        calm = seen[np.exp(forward_filter(model, seen))[:, 0] > 0.9, 1]
        stormy = seen[np.exp(forward_filter(model, seen))[:, 1] > 0.9, 1]
        assert len(calm) > 50
        assert len(stormy) > 50
        assert calm.mean() < stormy.mean() - 0.5


def test_the_panels_calm_and_stormy_spells_are_found() -> None:
    assert regime(PANEL.prefix(390)).name == "high_vol"
    calm = make_panel(4, 490, ("SPY", "AAPL"))
    assert regime(calm).name == "low_vol"
    said = regime(calm)
    low, high = (said.probabilities[name] for name in STATES)
    assert said.exposure_scale == pytest.approx(low + 0.5 * high)
    assert said.confidence == low


def test_a_seed_gives_the_same_model() -> None:
    seen = observations(PANEL.close[:, 0], 20)
    first, again = fit(seen, restarts=3, seed=5), fit(seen, restarts=3, seed=5)
    assert first.fingerprint() == again.fingerprint()
    assert first.log_likelihood >= fit(seen, restarts=1, seed=5).log_likelihood
    assert regime(PANEL).model_id.startswith("regime-hmm-2023")


def test_observations_are_return_and_log_realised_volatility() -> None:
    close = PANEL.close[:100, 0]
    seen, returns = observations(close, 20), np.diff(np.log(close))
    assert seen.shape == (80, 2)
    np.testing.assert_allclose(seen[-1], [returns[-1], np.log(np.sqrt(np.mean(returns[-20:] ** 2)))], rtol=1e-12)


def test_prices_that_do_not_move_are_refused() -> None:
    with pytest.raises(DataError, match="do not vary enough"):
        fit(observations(np.full(400, 50.0), 20), restarts=1, seed=0)
    flat = replace(PANEL, close=np.full(PANEL.close.shape, 50.0))
    said = RegimeTracker(SETTINGS).at(flat)
    assert isinstance(said, Abstention)
    assert "do not vary enough" in said.reason


@pytest.mark.parametrize(
    ("panel", "reason"),
    [
        (PANEL.prefix(0), "no bars of SPY"),
        (PANEL.prefix(200), "272 are needed"),
        (make_panel(4, 420, ("AAPL",)), "no bars of SPY"),
        (make_panel(4, 420, ("SPY",), missing={"SPY": [(419, 420)]}), "no bar in the last session"),
    ],
)
def test_too_little_to_go_by_is_said(panel: BarPanel, reason: str) -> None:
    said = RegimeTracker(SETTINGS).at(panel)
    assert isinstance(said, Abstention)
    assert reason in said.reason


def test_a_hole_in_the_benchmark_is_bridged() -> None:
    holed = make_panel(4, 420, ("SPY", "AAPL"), missing={"SPY": [(410, 412)]})
    assert regime(holed).model_id
