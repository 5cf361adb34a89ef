"""Which sessions are fitted, which say when to stop, and which judge: in this order, with gaps between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from config.trading import RlSettings
from core.errors import DataError
from models.rl.market import LOOK_AHEAD_SESSIONS, RlMarket

FITTED_SESSIONS_MIN = 126


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """The market cut in three.

    Attributes
    ----------
    dates : mapping of str to str
        ISO dates: `first` and `last` (fitted sessions), `stopped_at` (the last session whose prices chose the
        weights), `judged_first`, and `labels_end` (the last session whose prices are known in any way): the
        model may be used only for views whose last session is later.
    """

    fitted: RlMarket
    stopping: RlMarket
    judged: RlMarket
    dates: Mapping[str, str]


def cut(market: RlMarket, settings: RlSettings) -> Windows:
    """Cut the market: the last half of the validation judges, its first half stops, what is before is fitted.

    The last session is left out, so that a model may be used on the day it was trained.

    Raises
    ------
    DataError
        When too little is left to learn from.
    """
    rows = np.flatnonzero(market.priced.any(axis=0))
    last = len(market.sessions) - 2
    end = last - LOOK_AHEAD_SESSIONS + 1
    half = settings.validation_sessions // 2
    judged_from = end - half
    stopping_from = judged_from - settings.purge_sessions - half
    fitted_to = stopping_from - settings.purge_sessions
    first = int(rows[0]) if rows.size else end
    if fitted_to - first < max(FITTED_SESSIONS_MIN, settings.episode_sessions + 1):
        raise DataError(
            f"{max(0, fitted_to - first)} sessions with factors and a regime are left to learn from; "
            f"{max(FITTED_SESSIONS_MIN, settings.episode_sessions + 1)} are needed before the "
            f"{settings.validation_sessions} of the validation.",
            hint="Raise data.history_years, or lower rl.validation_sessions.",
        )
    return windows_at(market, (first, fitted_to), (stopping_from, stopping_from + half), (judged_from, end))


def windows_at(
    market: RlMarket, fitted: tuple[int, int], stopping: tuple[int, int], judged: tuple[int, int]
) -> Windows:
    """Cut the market at given rows, each from its first up to its end, which is left out."""
    day = [str(session)[:10] for session in market.sessions]
    return Windows(
        fitted=market.part(*fitted),
        stopping=market.part(*stopping),
        judged=market.part(*judged),
        dates={
            "first": day[fitted[0]],
            "last": day[fitted[1] - 1],
            "stopped_at": day[stopping[1] - 1 + LOOK_AHEAD_SESSIONS],
            "judged_first": day[judged[0]],
            "labels_end": day[judged[1] - 1 + LOOK_AHEAD_SESSIONS],
        },
    )
