"""`backtest` in `config/trading*.json`: how many runs are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class BacktestSettings(Frozen):
    """Backtests that were run.

    Attributes
    ----------
    kept_max : int or None
        How many runs are kept that nobody has pinned: after a run the oldest beyond it are deleted, and named.
        `null` deletes none. A run of some years takes a few megabytes.
    """

    kept_max: Annotated[int, Field(ge=1)] | None = 100
