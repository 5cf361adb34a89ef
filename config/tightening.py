"""Which way a limit of `risk.json` is tightened: what a page may do without a token, and what it may not."""

from __future__ import annotations

from typing import Literal

Direction = Literal["tighter", "looser", "neither"]

SMALLER_IS_TIGHTER = frozenset({
    "position_sizing.kelly_fraction", "position_sizing.max_position_pct", "position_sizing.default_position_pct",
    "portfolio_limits.max_positions", "portfolio_limits.max_exposure_pct", "portfolio_limits.max_sector_pct",
    "portfolio_limits.spend_pending_sales", "daily_limits.max_daily_trades",
    "circuit_breakers.max_consecutive_faults",
    "swing_exit.max_hold_days", "swing_exit.consecutive_miss_limit",
    "risk_check.trailing_stop_atr", "risk_check.stop_loss_atr",
})  # fmt: skip
LARGER_IS_TIGHTER = frozenset({
    "position_sizing.min_position_pct", "portfolio_limits.min_order_usd", "portfolio_limits.reentry_sessions",
    "daily_limits.max_daily_loss_pct", "circuit_breakers.max_drawdown_pct",
    "swing_exit.stop_loss_pct", "risk_check.stop_loss_pct", "risk_check.dynamic_stops",
})  # fmt: skip
NEITHER = frozenset({
    "portfolio_limits.min_resize_pct", "swing_exit.min_profit_pct", "swing_exit.take_profit_pct",
    "risk_check.take_profit_pct", "risk_check.take_profit_atr",
})  # fmt: skip
"""What trades more or less often, or takes a gain sooner or later: no risk is limited by it."""


def direction(path: str, was: float | None, becomes: float | None) -> Direction:
    """Return whether a change of a limit tightens it.

    Parameters
    ----------
    path : str
        Dotted, without the file's name.
    was, becomes : float, bool or None
        None switches the limit off, which is the loosest.
    """
    if path not in SMALLER_IS_TIGHTER | LARGER_IS_TIGHTER or was == becomes:
        return "neither"
    if was is None or becomes is None:
        return "looser" if becomes is None else "tighter"
    return "tighter" if (becomes < was) == (path in SMALLER_IS_TIGHTER) else "looser"
