"""Where a position is closed: the settings' distances turned into levels."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from math import inf

from config.risk import RiskCheck, SwingExit
from core.brackets import OFF, Bracket, Levels
from core.money import PRICE_TICK, to_decimal
from core.types import Position


def offset_price(entry: Decimal, offset_pct: float) -> Decimal:
    """Return the price a fraction away from the entry, rounded to a hundredth of a cent."""
    return (entry * (1 + to_decimal(offset_pct))).quantize(PRICE_TICK, ROUND_HALF_EVEN)


def swing_levels(position: Position, swing: SwingExit) -> Levels:
    """Return the synthesizer's stop and target of a held position (SWING_EXIT_CONFIG)."""
    return _static_levels(position.average_price, swing.stop_loss_pct, swing.take_profit_pct)


@lru_cache(maxsize=1024)
def _static_levels(entry: Decimal, stop_loss_pct: float | None, take_profit_pct: float | None) -> Levels:
    return Levels(
        stop_price=None if stop_loss_pct is None else offset_price(entry, stop_loss_pct),
        stop_rule=None if stop_loss_pct is None else "stop_loss",
        target_price=None if take_profit_pct is None else offset_price(entry, take_profit_pct),
        target_rule=None if take_profit_pct is None else "take_profit",
    )


def usable_atr(atr: float | None) -> bool:
    """Return whether an average true range is finite and above 0, so that a stop can be set by it."""
    return atr is not None and 0 < atr < inf


def bracket_of(
    symbol: str, decision_id: str, atr: float | None, risk_check: RiskCheck, peak_price: Decimal | None
) -> Bracket:
    """Return the bracket of a position (RISK_CONFIG): static levels, and ATR levels when there is an ATR.

    Parameters
    ----------
    atr : float or None
        Average true range over 14 sessions, US dollars; None, NaN or 0 count as missing.
    peak_price : Decimal or None
        Highest price since the entry; None for a position that is not open yet.
    """
    dynamic = risk_check.dynamic_stops
    return Bracket(
        symbol=symbol,
        decision_id=decision_id,
        stop_loss_pct=None if risk_check.stop_loss_pct is None else to_decimal(risk_check.stop_loss_pct),
        take_profit_pct=None if risk_check.take_profit_pct is None else to_decimal(risk_check.take_profit_pct),
        atr=Decimal(repr(float(atr))) if atr is not None and usable_atr(atr) else OFF,
        stop_loss_atr=_distance(risk_check.stop_loss_atr) if dynamic else OFF,
        take_profit_atr=_distance(risk_check.take_profit_atr) if dynamic else OFF,
        trailing_stop_atr=_distance(risk_check.trailing_stop_atr),
        peak_price=peak_price,
    )


def protective_levels(position: Position, atr: float | None, risk_check: RiskCheck) -> Levels:
    """Return the risk check's nearest stop and nearest target (RISK_CONFIG) for a held position."""
    bracket = bracket_of(position.symbol, "", atr, risk_check, position.peak_price)
    return bracket.levels(position.average_price)


def _distance(average_true_ranges: float | None) -> Decimal:
    return OFF if average_true_ranges is None else to_decimal(average_true_ranges)
