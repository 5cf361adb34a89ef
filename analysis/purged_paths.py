"""Combinatorial purged cross-validation: many histories out of sample instead of one.

The sessions are cut into N groups in order of time; for each of the C(N, k) ways to keep k groups for the test,
something is fitted or chosen on the others, less the sessions next to the test. Each group is then tested
C(N, k) k / N times, which makes as many whole paths (López de Prado 2018, "Advances in financial machine
learning", section 12.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.errors import InvariantError
from core.market import Floats
from core.statistics import sharpe_ratios

GROUPS, TEST_GROUPS = 6, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PurgedSplit:
    """One way to fit and to test.

    Attributes
    ----------
    train : ndarray of bool, shape (T,)
        Sessions that may be fitted on.
    tested : tuple of int
        Groups that are tested.
    """

    train: NDArray[np.bool_]
    tested: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedPaths:
    """What the paths made.

    Attributes
    ----------
    groups, test_groups, purge_sessions : int
        How the sessions were cut.
    sharpes : tuple of float
        Annualised, over the bill rate; one a path.
    returns : tuple of tuple of float
        Daily, one row a path.
    """

    groups: int
    test_groups: int
    purge_sessions: int
    sharpes: tuple[float, ...]
    returns: tuple[tuple[float, ...], ...]


def group_of(sessions: int, groups: int) -> NDArray[np.intp]:
    """Return the group of each session, shape (T,); where T is not a multiple, some are one session longer."""
    return np.concatenate(
        [np.full(len(part), group) for group, part in enumerate(np.array_split(np.arange(sessions), groups))]
    )


def purged_splits(
    sessions: int, *, purge_sessions: int, groups: int = GROUPS, test_groups: int = TEST_GROUPS
) -> tuple[PurgedSplit, ...]:
    """Return all splits of T sessions.

    Parameters
    ----------
    purge_sessions : int
        Sessions left out on either side of each tested group: before it, labels would reach into the test, after
        it, what is known still remembers it.
    """
    if not 0 < test_groups < groups or sessions < groups:
        raise InvariantError(f"{sessions} sessions cannot be cut into {groups} groups with {test_groups} tested.")
    group = group_of(sessions, groups)
    out = []
    for tested in combinations(range(groups), test_groups):
        near = np.isin(group, tested)
        rows = np.flatnonzero(near)
        for shift in range(1, purge_sessions + 1):
            near[np.clip(rows - shift, 0, sessions - 1)] = True
            near[np.clip(rows + shift, 0, sessions - 1)] = True
        out.append(PurgedSplit(train=~near, tested=tested))
    return tuple(out)


def path_splits(splits: tuple[PurgedSplit, ...], groups: int = GROUPS) -> NDArray[np.intp]:
    """Return which split tests each group of each path, shape (paths, groups); each split's test is used once."""
    testing = [[place for place, split in enumerate(splits) if group in split.tested] for group in range(groups)]
    return np.array(testing).T


def assembled(outcomes: Floats, splits: tuple[PurgedSplit, ...], groups: int = GROUPS) -> Floats:
    """Put each path together from what its splits gave in the groups that they tested.

    Parameters
    ----------
    outcomes : ndarray of float64, shape (splits, T, ...)
        What each split gives for every session; only tested sessions are used.

    Returns
    -------
    ndarray of float64, shape (paths, T, ...)
    """
    group = group_of(outcomes.shape[1], groups)
    return np.stack([outcomes[chosen[group], np.arange(len(group))] for chosen in path_splits(splits, groups)])


def chosen_outcomes(excess: Floats, splits: tuple[PurgedSplit, ...]) -> NDArray[np.intp]:
    """Return the trial with the best Sharpe ratio on each split's training sessions, shape (splits,).

    Parameters
    ----------
    excess : ndarray of float64, shape (T, M)
        Daily returns of every trial over the bill rate.
    """
    return np.array([int(sharpe_ratios(excess[split.train].T).argmax()) for split in splits])


def paths_of(returns: Floats, bills: Floats, *, purge_sessions: int) -> PurgedPaths:
    """Sum up paths (P, T) over what bills returned (T,)."""
    return PurgedPaths(
        groups=GROUPS,
        test_groups=TEST_GROUPS,
        purge_sessions=purge_sessions,
        sharpes=tuple(sharpe_ratios(returns - bills).tolist()),
        returns=tuple(tuple(path) for path in returns.tolist()),
    )
