"""Purged, embargoed, time-ordered cross-validation: what is tested shares no label with what was learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """Which samples a fold learns from and which it is tested on, as boolean masks of shape (n,)."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def purged_folds(day: NDArray[np.intp], folds: int, purge_sessions: int) -> tuple[Fold, ...]:
    """Split by time into blocks; each is tested on a model that knows no label touching it.

    A block [a, b] is tested on what was learnt from days before a - purge and after b + 2 purges: labels reach
    one purge forward on either side, and the second purge after the block is the embargo (momentum and
    volatility factors remember about as long; Lopez de Prado 2018, chapter 7).

    Parameters
    ----------
    day : ndarray of int, shape (n,)
        Row of the panel of each sample.
    """
    out = []
    for block in np.array_split(np.unique(day), folds):
        first, last = int(block[0]), int(block[-1])
        test = (day >= first) & (day <= last)
        train = (day < first - purge_sessions) | (day > last + 2 * purge_sessions)
        if train.any():
            out.append(Fold(train=train, test=test))
    return tuple(out)
