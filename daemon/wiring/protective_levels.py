"""The levels at which the risk check closes a position, and the breakers' limits, for display."""

from __future__ import annotations

from collections.abc import Mapping

from config.risk import RiskSettings
from core.brackets import Levels
from pipeline.engine import Engine


def position_levels(engine: Engine, settings: RiskSettings) -> Mapping[str, Levels]:
    """Return each held position's nearest stop and target, with the ATR of the last step that knew it."""
    from risk.levels import protective_levels  # noqa: PLC0415  # imported where it is used

    report = engine.last_report
    atr = report.plan.analysis.atr if report else {}
    return {
        symbol: protective_levels(held, atr.get(symbol), settings.risk_check)
        for symbol, held in engine.portfolio.positions.items()
    }


def breaker_limits(settings: RiskSettings) -> Mapping[str, float | None]:
    """Return the losses at which the breakers halt, as fractions; None for one that is off."""
    return {
        "max_drawdown_pct": settings.circuit_breakers.max_drawdown_pct,
        "max_daily_loss_pct": settings.daily_limits.max_daily_loss_pct,
    }
