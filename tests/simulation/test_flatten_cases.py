"""A flatten under partial fills, closes, outages and restarts: flat, or in progress and saying so."""

from __future__ import annotations

from collections import Counter

from tests.simulation.flatten_cases import flatten_case

SEEDS = (0, 1, 2)


def test_a_flatten_is_done_or_in_progress_and_says_so() -> None:
    came = sum((flatten_case(seed) for seed in SEEDS), Counter[str]())
    assert came["held"]
    assert came["open buys"]
    assert came["restarts"] == len(SEEDS)
    assert came["steps in progress"] > len(SEEDS)
    assert came["partial"]
    assert came["slow_cancel"]
