"""Combinatorial purged paths: each session tested once a path, nothing fitted near its test, no edge in noise."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.purged_paths import assembled, chosen_outcomes, group_of, path_splits, paths_of, purged_splits
from core.errors import InvariantError


@given(sessions=st.integers(60, 400), groups=st.integers(3, 8), tested=st.integers(1, 2), purge=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_no_training_session_is_in_or_near_a_test(sessions: int, groups: int, tested: int, purge: int) -> None:
    splits = purged_splits(sessions, purge_sessions=purge, groups=groups, test_groups=tested)
    group = group_of(sessions, groups)
    assert len(splits) == comb(groups, tested)
    for split in splits:
        test, train = np.flatnonzero(np.isin(group, split.tested)), np.flatnonzero(split.train)
        if len(train):
            assert np.abs(test[:, None] - train[None, :]).min() > purge
        far = np.abs(np.arange(sessions)[:, None] - test[None, :]).min(axis=1) > purge
        assert (split.train == far).all(), "no more is purged than must be"


@given(groups=st.integers(3, 8), tested=st.integers(1, 2))
def test_each_split_tests_each_of_its_groups_in_one_path(groups: int, tested: int) -> None:
    splits = purged_splits(80, purge_sessions=1, groups=groups, test_groups=tested)
    used = path_splits(splits, groups)
    assert used.shape == (comb(groups, tested) * tested // groups, groups)
    pairs = {(int(split), group) for path in used for group, split in enumerate(path)}
    assert pairs == {(place, group) for place, split in enumerate(splits) for group in split.tested}
    assert len(pairs) == used.size


def test_a_path_is_made_of_what_was_tested() -> None:
    splits = purged_splits(60, purge_sessions=2)
    outcomes = np.arange(len(splits), dtype=np.float64)[:, None] + np.zeros(60)
    paths = assembled(outcomes, splits)
    assert paths.shape == (5, 60)
    for path, used in zip(paths, path_splits(splits), strict=True):
        assert [path[group_of(60, 6) == group][0] for group in range(6)] == used.tolist()
        assert all(group in splits[int(split)].tested for group, split in enumerate(used))


def test_the_best_of_noise_is_nothing_out_of_sample_and_an_edge_is_found() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (1200, 40))
    splits = purged_splits(1200, purge_sessions=5)
    in_sample = noise.mean(axis=0).max() / 0.01 * 252**0.5
    chosen = chosen_outcomes(noise, splits)
    made = paths_of(assembled(noise.T[chosen], splits), np.zeros(1200), purge_sessions=5)
    assert in_sample > 0.7
    assert len(made.sharpes) == 5
    assert np.mean(made.sharpes) < 0.5 * in_sample
    noise[:, 7] += 0.002
    assert set(chosen_outcomes(noise, splits).tolist()) == {7}


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(InvariantError):
        purged_splits(4, purge_sessions=0)
