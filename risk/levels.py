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
    """Give the price a fraction away from the entry, at a hundredth of a cent."""
    return (entry * (1 + to_decimal(offset_pct))).quantize(PRICE_TICK, ROUND_HALF_EVEN)


def swing_levels(position: Position, swing: SwingExit) -> Levels:
    """Give the synthesizer's stop and target (SWING_EXIT_CONFIG)."""
    return _static_levels(position.average_price, swing.stop_loss_pct, swing.take_profit_pct)


@lru_cache(maxsize=1024)
def _static_levels(entry: Decimal, stop_loss_pct: float, take_profit_pct: float) -> Levels:
    return Levels(
        stop_price=offset_price(entry, stop_loss_pct),
        stop_rule="stop_loss",
        target_price=offset_price(entry, take_profit_pct),
        target_rule="take_profit",
    )


def usable_atr(atr: float | None) -> bool:
    """Tell whether an average true range can carry a stop."""
    return atr is not None and 0 < atr < inf


def protection(
    symbol: str, decision_id: str, atr: float | None, risk_check: RiskCheck, peak_price: Decimal | None
) -> Bracket:
    """Give what RISK_CONFIG guards a position with: static levels always, ATR levels when there is an ATR.

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
        stop_loss_pct=to_decimal(risk_check.stop_loss_pct),
        take_profit_pct=to_decimal(risk_check.take_profit_pct),
        atr=Decimal(repr(float(atr))) if atr is not None and usable_atr(atr) else OFF,
        stop_loss_atr=to_decimal(risk_check.stop_loss_atr) if dynamic else OFF,
        take_profit_atr=to_decimal(risk_check.take_profit_atr) if dynamic else OFF,
        trailing_stop_atr=to_decimal(risk_check.trailing_stop_atr),
        peak_price=peak_price,
    )


def protective_levels(position: Position, atr: float | None, risk_check: RiskCheck) -> Levels:
    """Give the risk check's nearest stop and nearest target (RISK_CONFIG) for a held position."""
    guard = protection(position.symbol, "", atr, risk_check, position.peak_price)
    return guard.levels(position.average_price)
