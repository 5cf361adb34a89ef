"""How large a position is: quarter Kelly on calibrated odds, rounded down to what can be traded."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from config.risk import PositionSizing, SwingExit
from core.money import SHARE_TICK
from core.trading import ZERO

TOP_QUARTER_RATE = 0.25
WHOLE_SHARE = Decimal(1)
WEIGHT_DECIMALS = 12  # beyond lies float noise, which would cost a tick when rounding down
MICRODOLLAR = Decimal("0.000001")


class Size(NamedTuple):
    """How much is to be bought.

    Attributes
    ----------
    weight : float
        Share of equity wanted, before the portfolio's limits.
    notional_usd : Decimal
        What may be spent on it before costs, US dollars.
    quantity : Decimal
        Shares, rounded down: never more than the notional pays for.
    """

    weight: float
    notional_usd: Decimal
    quantity: Decimal


def payoff_ratio(swing: SwingExit) -> float | None:
    """Return what a trade wins per dollar it can lose: target over stop; 0 when either is nothing.

    Without a stop the whole stake can be lost. Without a target what can be won has no bound, so no ratio is
    known: None.
    """
    if swing.take_profit_pct is None:
        return None
    loss_pct = 1.0 if swing.stop_loss_pct is None else -swing.stop_loss_pct
    return swing.take_profit_pct / loss_pct if loss_pct > 0 else 0.0


def full_kelly(p_win: float, payoff: float, base_rate: float = TOP_QUARTER_RATE) -> float:
    r"""Return the full Kelly share of equity for a calibrated probability of ending in the top quarter.

    `p_win` is no trade's win probability: a stock that nothing is known of has 0.25. Such a stock, without
    drift, reaches a target b stops away before its stop with probability 1/(1+b) (gambler's ruin), at which
    a bet paying b to 1 is worth nothing. So that is the anchor, and what the ranker knows moves its odds by
    the ratio R between the odds of `p_win` and of the base rate:

        R = [p/(1-p)] / [base/(1-base)],    P(target first) = R / (R + b)

    Kelly's f* = P - (1-P)/b (Kelly 1956) then is (R - 1) / (R + b): 0 at the base rate, rising with `p_win`,
    below 1. That R carries over unchanged is a prior, not a measurement. The stake counts as lost whole, as in
    Kelly's bet; a stop loses less, so this stays far below the growth-optimal leverage.

    Parameters
    ----------
    p_win : float
        In [0, 1]; NaN counts as no edge.
    payoff : float
        b, what is won per dollar lost; 0 or less is no edge.
    base_rate : float
        Share of stocks that end in the top quarter, in (0, 1).

    Returns
    -------
    float
        In [0, 1]; 0 where there is no edge.
    """
    if not p_win > base_rate or payoff <= 0:
        return 0.0
    if p_win >= 1:
        return 1.0
    ratio = p_win / (1 - p_win) * (1 - base_rate) / base_rate
    return max(0.0, (ratio - 1) / (ratio + payoff))


def target_weight(
    p_win: float | None, score: float, exposure_scale: float, sizing: PositionSizing, payoff: float | None
) -> float:
    """Return the share of equity a position should have, before the portfolio's limits.

    With a probability and a payoff: `kelly_fraction` of full Kelly. Without one of them: `default_position_pct`
    times the score. Both are scaled by what the regime allows, and clamped to `max_position_pct`.
    """
    if p_win is None or payoff is None:
        bet = sizing.default_position_pct * min(max(0.0, score), 1.0)
    else:
        bet = sizing.kelly_fraction * full_kelly(p_win, payoff)
    return min(round(bet * exposure_scale, WEIGHT_DECIMALS), sizing.max_position_pct)


def sized_usd(
    wanted_usd: Decimal,
    *,
    weight: float,
    headroom_usd: Decimal,
    floor_usd: Decimal,
    price: Decimal,
    fractional_shares: bool,
) -> Size:
    """Turn an amount into shares.

    The order is clamped to the headroom. Where that is less than the smallest order worth placing it keeps its
    whole size instead, and the limit that leaves no headroom refuses it.

    Parameters
    ----------
    headroom_usd, floor_usd : Decimal
        What the limits still allow, and the smallest order worth placing, US dollars.
    price : Decimal
        US dollars; 0 when there is none, which gives no shares.
    """
    spendable = headroom_usd.quantize(MICRODOLLAR, ROUND_DOWN)
    clamped = wanted_usd if headroom_usd < floor_usd else min(wanted_usd, spendable)
    tick = SHARE_TICK if fractional_shares else WHOLE_SHARE
    quantity = (clamped / price).quantize(tick, ROUND_DOWN) if price else ZERO
    return Size(weight=weight, notional_usd=clamped, quantity=quantity)
