"""`drift` in `config/trading*.json`: when the ranker's world has moved away from what it learnt."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class DriftSettings(Frozen):
    """What counts as drift of the ranker.

    Attributes
    ----------
    recent_sessions : int
        The newest sessions, whose factors are held against the training window's.
    psi_max : float
        Of any one factor; by the usual reading below 0.10 is stable and above 0.25 has shifted. Less raises no
        alarm, however unusual.
    false_alarms_month_max : float
        The declared rate of false alarms: the probability that a month without any shift raises one. The limit of
        each factor follows from it and from how the factor moved within the training window.
    rank_ic_sessions_min : int
        So many evaluated live sessions at least, before the live rank IC is held against the promised one.
    rank_ic_standard_errors_max : float
        The live rank IC may lie so many standard errors of the difference below the out-of-sample one.
    """

    recent_sessions: Annotated[int, Field(ge=5, le=252)] = 63
    psi_max: Annotated[float, Field(gt=0)] = 0.25
    false_alarms_month_max: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    rank_ic_sessions_min: Annotated[int, Field(ge=1)] = 21
    rank_ic_standard_errors_max: Annotated[float, Field(gt=0)] = 2.0
