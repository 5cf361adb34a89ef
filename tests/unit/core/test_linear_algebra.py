"""One thread: weights and the returns of random books do not depend on how many cores a machine has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from agents.allocation import AllocationAgent
from agents.diversified import least_correlated
from analysis.holding import Target, hold
from core.linear_algebra import one_thread
from core.types import Floats
from tests.panels import make_panel
from tests.unit.agents.test_allocation import view_of

Figures = Callable[[], Any]


def on_threads(count: int, figures: Figures) -> bytes:
    with threadpool_limits(count, user_api="blas"):
        return bytes(np.ascontiguousarray(figures()).tobytes())


def weights(close: Floats) -> Floats:
    return least_correlated(close[1:] / close[:-1] - 1.0, 0.1)


def books(work: Callable[..., Floats]) -> Figures:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(size=(60, 64)) * 0.01, axis=0))
    targets = [Target(row, rng.dirichlet(np.ones(64), size=1000)) for row in range(20, 50, 5)]
    return lambda: work(close, close, targets, portfolios=1000, first=21, cost_bps=3.5)


def dependent(figures: Figures) -> bool:
    return len({on_threads(count, figures) for count in (1, 2, 3, 4)}) > 1


def test_the_returns_of_books_are_the_same_on_any_number_of_threads() -> None:
    if not dependent(books(hold.__wrapped__)):  # type: ignore[attr-defined]  # what the decorator wraps
        pytest.skip("numpy's library here does not cut products up")
    assert not dependent(books(hold))


def test_weights_are_the_same_on_any_number_of_threads() -> None:
    panel = make_panel(sessions=300, symbols=[f"S{k}" for k in range(300)])
    view = view_of(panel)
    if not dependent(lambda: weights(panel.close[-253:])):
        pytest.skip("numpy's library here does not cut products up")

    def said() -> list[float]:
        agent = AllocationAgent("own", panel.symbols, 252, weights)
        return list(agent.signals(view, panel.symbols).targets.values())

    assert not dependent(said)
    assert len(said()) > 1


def test_it_ends_with_its_block_and_nests() -> None:
    def count() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = count()
        with one_thread(), one_thread():
            assert count() == {1}
        assert count() == before
