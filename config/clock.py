"""`clock` in `config/trading*.json`: how far this machine's clock may be off, and how often that is looked at."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class ClockSettings(Frozen):
    """The watch over the difference between this machine's clock and the broker's.

    Attributes
    ----------
    offset_seconds_max : float
        So far a live quote may be ahead of this machine's clock, and the two clocks apart: a print during the
        request, and the drift of a clock that is set over the network. Beyond it the broker's clock judges.
    measure_minutes : float
        The broker's clock is asked at most so often while nothing looks wrong.
    """

    offset_seconds_max: Annotated[float, Field(gt=0, le=60)] = 5.0
    measure_minutes: Annotated[float, Field(ge=5)] = 15.0
