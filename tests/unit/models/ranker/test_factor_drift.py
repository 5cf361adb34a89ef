"""The factors' alarm: its false rate within the declared one on markets without a shift, and a shift found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from core.types import Floats
from models.factors.store import FactorTable
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import TrainingWindow
from models.ranker.drift import population_stability
from models.ranker.factor_drift import FactorDrift, factor_drift

DECLARED = 0.01
WINDOW, RECENT, SYMBOLS = 378, 42, 30
DAYS = np.arange("2020-01-01", "2030-01-01", dtype="datetime64[D]")
WINDOW_DATES = TrainingWindow(first=str(DAYS[0]), last=str(DAYS[WINDOW - 1]), labels_end=str(DAYS[WINDOW + 20]))


def market(rng: np.random.Generator, memories: Floats) -> Floats:
    """Draw z-scores of a market without a shift, (T, N, factors): by each one's memory in sessions."""
    keep = np.exp(-1 / memories)
    burn_in = 5 * int(memories.max())
    noise = rng.standard_normal((burn_in + WINDOW + RECENT, SYMBOLS, len(FACTOR_NAMES)))
    walks = [lfilter([1.0], [1.0, -k], noise[..., f] * np.sqrt(1 - k * k), axis=0) for f, k in enumerate(keep)]
    z = np.stack(walks, axis=-1)[burn_in:]
    return np.asarray((z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True))


def judged(z: Floats, rate: float = DECLARED, recent: int = RECENT) -> FactorDrift:
    table = FactorTable(raw=z, z=z, atr=z[..., 0])
    return factor_drift(
        table, DAYS[: len(z)], WINDOW_DATES, recent_sessions=recent, false_alarms_month_max=rate,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def alarms(found: FactorDrift) -> list[str]:
    return [name for name, one in found.factors.items() if one.psi > one.limit]


MEMORIES = np.geomspace(1, 40, len(FACTOR_NAMES))


def test_the_false_rate_on_markets_without_a_shift_is_within_the_declared_one() -> None:
    months = 100
    found = [judged(market(np.random.default_rng(seed), MEMORIES)) for seed in range(months)]
    assert all(one.false_alarms_month is not None and one.false_alarms_month <= DECLARED for one in found)
    false = sum(bool(alarms(one)) for one in found)
    assert false <= binom.ppf(0.999, months, DECLARED), f"{false} of {months}"
    assert any(stability.psi > 0.05 for one in found for stability in one.factors.values()), "nothing wandered"


@pytest.mark.parametrize("factor", [0, 6, 12])
def test_a_shift_is_found_in_its_factor_and_no_other(factor: int) -> None:
    z = market(np.random.default_rng(1), MEMORIES)
    z[WINDOW:, :, factor] = 1.5 * z[WINDOW:, :, factor] + 1.5
    assert alarms(judged(z)) == [FACTOR_NAMES[factor]]


def test_a_factor_that_is_stuck_is_found() -> None:
    z = market(np.random.default_rng(2), MEMORIES)
    z[WINDOW:, :, 4] = 0.0
    assert alarms(judged(z)) == [FACTOR_NAMES[4]]


def test_the_index_is_the_population_stability() -> None:
    z = market(np.random.default_rng(3), MEMORIES)
    z[::7, 3] = np.nan
    found = judged(z)
    for place, name in enumerate(FACTOR_NAMES):
        sides = (part[np.isfinite(part)] for part in (z[:WINDOW, :, place], z[WINDOW:, :, place]))
        assert found.factors[name].psi == pytest.approx(population_stability(*sides), rel=1e-9)


def test_a_lower_declared_rate_raises_the_limits() -> None:
    z = market(np.random.default_rng(4), MEMORIES)
    strict, loose = judged(z, rate=0.001), judged(z, rate=0.2)
    assert all(strict.factors[name].limit > loose.factors[name].limit for name in FACTOR_NAMES)


def test_too_few_sessions_to_tell_raise_no_alarm() -> None:
    z = market(np.random.default_rng(5), MEMORIES)[: WINDOW + 2]
    z[WINDOW:] += 3
    found = judged(z)
    assert found.false_alarms_month is None
    assert alarms(found) == []
    assert judged(z[:WINDOW]).factors == {}
