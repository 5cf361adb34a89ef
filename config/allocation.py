"""How an agent sizes the whole portfolio: the yardstick, and the least-correlated portfolio."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Fraction, Frozen


class BaselineSettings(Frozen):
    """The yardstick, the `baseline` profile: the universe in equal weight at a volatility target, no forecast.

    Attributes
    ----------
    target_volatility_pct : float
        A year, as a fraction.
    volatility_sessions : int
        Sessions that the volatility of the equal-weight portfolio is measured over.
    averaging_sessions : int
        The exposure held is the mean of what the last so many sessions asked for, so that it hangs on no one day.
    """

    target_volatility_pct: Annotated[float, Field(gt=0, le=1)] = 0.12
    volatility_sessions: Annotated[int, Field(ge=5)] = 21
    averaging_sessions: Annotated[int, Field(ge=1, le=63)] = 5


class DiversifiedSettings(Frozen):
    """The least-correlated portfolio, scaled to a volatility; the decisions of the `diversified` profile.

    Attributes
    ----------
    lookback_sessions : tuple of int
        One portfolio a lookback; their mean is held.
    shrinkage : float
        Of the correlations towards none, in [0, 1]; 1 is equal weight.
    target_volatility_pct : float
        A year, as a fraction; the portfolio then realises a little more, since it understates its own.
    typical_move_min : float
        A stock whose typical daily move over `volatility_sessions` is at most this share of the median stock's
        has stopped moving (a takeover at its offer price) and is left out.
    entry_weight_min_pct : float
        A share smaller than this is not worth entering; one that is held already stays.
    """

    lookback_sessions: tuple[Annotated[int, Field(ge=20)], ...] = (126, 252)
    shrinkage: Fraction = 0.25
    target_volatility_pct: Annotated[float, Field(gt=0, le=1)] = 0.11
    volatility_sessions: Annotated[int, Field(ge=5)] = 21
    typical_move_min: Fraction = 0.2
    entry_weight_min_pct: Fraction = 0.005
