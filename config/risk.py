"""`config/risk*.json`: what may be lost, held and traded. Watched: an edit takes effect at the next step.

`null` switches a rule off. A number is always taken at its word: `max_daily_loss_pct` 0 halts all trading.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Fraction, Frozen

Loss = Annotated[float, Field(ge=-1.0, le=0.0)]
Gain = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Sessions = Annotated[int, Field(ge=1)]
Dollars = Annotated[float, Field(ge=0.0)]
AverageTrueRanges = Annotated[float, Field(gt=0.0)]


class PositionSizing(Frozen):
    """How large a position is.

    Attributes
    ----------
    kelly_fraction : float
        Share of the full Kelly bet that is taken.
    max_position_pct : float
        Largest share of equity in one position.
    min_position_pct : float or None
        Smallest share worth buying.
    default_position_pct : float
        Share of equity at a score of 1 where Kelly's bet is not defined: without a calibrated probability, or
        without a take-profit.
    """

    kelly_fraction: Fraction = 0.25
    max_position_pct: Fraction = 0.15
    min_position_pct: Fraction | None = 0.005
    default_position_pct: Fraction = 0.05


class PortfolioLimits(Frozen):
    """What the whole portfolio may hold.

    Attributes
    ----------
    min_resize_pct : float or None
        A held position is resized only if that moves at least this share of equity.
    reentry_sessions : int or None
        For so many sessions, the sale's own counted, what an exit rule sold is not bought again.
    spend_pending_sales : bool
        Whether what a sell of the same plan frees may be spent by its buys. Off, a rotation takes two steps,
        but nothing is bought with money that may not come.
    """

    max_positions: Count | None = 10
    max_exposure_pct: Fraction = 0.80
    max_sector_pct: Fraction | None = 0.40
    min_order_usd: Dollars | None = 10.0
    min_resize_pct: Fraction | None = 0.005
    reentry_sessions: Annotated[int, Field(ge=1, le=20)] | None = 1
    spend_pending_sales: bool = False


class DailyLimits(Frozen):
    """What one session may cost. `max_daily_loss_pct` 0 halts all trading."""

    max_daily_loss_pct: Loss | None = -0.02
    max_daily_trades: Count | None = 20


class CircuitBreakers(Frozen):
    """When the engine stops by itself."""

    max_drawdown_pct: Loss | None = -0.10
    max_consecutive_faults: Annotated[int, Field(ge=1)] | None = 5


class SwingExit(Frozen):
    """The synthesizer's exit rules for held positions, applied in each decide cycle."""

    max_hold_days: Sessions | None = 10
    min_profit_pct: Fraction = 0.01
    stop_loss_pct: Loss | None = -0.03
    take_profit_pct: Gain | None = 0.05
    consecutive_miss_limit: Sessions | None = 3


class RiskCheck(Frozen):
    """The risk check's exit rules, tighter than the synthesizer's, applied every five minutes.

    Attributes
    ----------
    dynamic_stops : bool
        With ATR at hand, levels at `take_profit_atr` and `stop_loss_atr` ATRs from the entry apply besides
        the static ones: whichever is nearer to the price acts first.
    """

    stop_loss_pct: Loss | None = -0.025
    take_profit_pct: Gain | None = 0.04
    trailing_stop_atr: AverageTrueRanges | None = 2.0
    dynamic_stops: bool = True
    take_profit_atr: AverageTrueRanges | None = 2.5
    stop_loss_atr: AverageTrueRanges | None = 1.5


class RiskSettings(Frozen):
    """All of `risk.json`."""

    position_sizing: PositionSizing = PositionSizing()
    portfolio_limits: PortfolioLimits = PortfolioLimits()
    daily_limits: DailyLimits = DailyLimits()
    circuit_breakers: CircuitBreakers = CircuitBreakers()
    swing_exit: SwingExit = SwingExit()
    risk_check: RiskCheck = RiskCheck()
