"""Whether a newly trained ranker takes the place of the current one."""

from __future__ import annotations

import numpy as np

from models.ranker.artefact import QuantArtefact
from models.ranker.metrics import standard_error

COMMON_SESSIONS_MIN = 63


def promote(new: QuantArtefact, current: QuantArtefact | None) -> tuple[bool, str]:
    """Decide by the sessions that both models predicted out of sample.

    Each artefact carries its purged out-of-sample rank IC and Brier score by session. On the sessions both
    have (most of the window, when retrained weekly) the differences are paired; the new model is worse only if
    a mean difference is against it by more than its standard error, corrected for overlapping labels. With
    fewer than 63 common sessions nothing can be compared: the one measured on the newer market wins.

    Returns
    -------
    tuple of bool and str
        Whether to promote, and why.
    """
    if current is None:
        return True, "there was no model"
    if dict(new.settings) != dict(current.settings):
        return True, "the current model was trained with other settings"
    before, after = _by_session(current), _by_session(new)
    common = sorted(before.keys() & after.keys())
    if len(common) < COMMON_SESSIONS_MIN:
        return True, f"only {len(common)} sessions were predicted by both, too few to compare; the newer counts"
    gain = np.array([after[day] for day in common]) - np.array([before[day] for day in common])
    horizon = new.horizon_sessions
    rank_ic, brier = float(gain[:, 0].mean()), float(-gain[:, 1].mean())
    figures = f"rank IC {rank_ic:+.4f}, Brier gain {brier:+.5f} on {len(common)} common out-of-sample sessions"
    if rank_ic < -standard_error(gain[:, 0], horizon):
        return False, f"the new model ranks worse: {figures}"
    if brier < -standard_error(gain[:, 1], horizon):
        return False, f"the new model's probabilities are worse: {figures}"
    return True, f"the new model is not worse: {figures}"


def _by_session(artefact: QuantArtefact) -> dict[str, tuple[float, float]]:
    daily = artefact.daily
    return dict(zip(daily.sessions, zip(daily.rank_ic, daily.brier, strict=True), strict=True))
