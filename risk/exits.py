"""The exit rules: which held positions they close. Rules only: votes are the synthesizer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import numpy as np

from config.risk import RiskCheck, RiskSettings, SwingExit
from core.brackets import Levels
from core.cycles import ExitRules
from core.types import Action, Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Position
from risk.levels import offset_price, protective_levels, swing_levels, usable_atr
from risk.mark_to_market import candidates_of, live_price


def exits(
    view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle, settings: RiskSettings
) -> tuple[Decision, ...]:
    """Return one EXIT for each held position that the cycle's rules close, in the portfolio's order."""
    held = _in_scope(portfolio, cycle)
    match cycle.kind.exit_rules:
        case ExitRules.EVERYTHING:
            return flatten_exits(held)
        case ExitRules.RISK_CHECK:
            return risk_check_exits(view, held, analysis.atr, settings.risk_check)
        case ExitRules.SWING:
            known = candidates_of(analysis, cycle) is not None
            return swing_exits(view, held, portfolio.session, settings.swing_exit, candidates_known=known)
        case ExitRules.NONE:
            return ()


def _in_scope(portfolio: Portfolio, cycle: Cycle) -> tuple[Position, ...]:
    return tuple(p for p in portfolio.positions.values() if not cycle.symbols or p.symbol in cycle.symbols)


def flatten_exits(held: tuple[Position, ...]) -> tuple[Decision, ...]:
    """Return an EXIT for every position: a person asked for it. Needs no price."""
    return tuple(_exit(position, "flatten", "a person asked to sell everything") for position in held)


def risk_check_exits(
    view: MarketView, held: tuple[Position, ...], atr: Mapping[str, float], risk_check: RiskCheck
) -> tuple[Decision, ...]:
    """Return what RISK_CONFIG closes: static, trailing and ATR levels against the live price.

    A position without a live price is left alone; `unprotected` names it.
    """
    out = []
    for position in held:
        price = live_price(view, position.symbol)
        if price is None:
            continue
        levels = protective_levels(position, atr.get(position.symbol), risk_check)
        rule = levels.crossed(price)
        if rule:
            out.append(_exit(position, rule, _crossing(position, price, levels)))
    return tuple(out)


def swing_exits(
    view: MarketView,
    held: tuple[Position, ...],
    session: date | None,
    swing: SwingExit,
    *,
    candidates_known: bool,
) -> tuple[Decision, ...]:
    """Return what SWING_EXIT_CONFIG closes by stop, target, age or misses; the first that holds names the exit.

    Parameters
    ----------
    session : date or None
        The session the portfolio is marked to.
    candidates_known : bool
        Whether this step has candidates: without any, misses close nothing.
    """
    out = []
    for position in held:
        price = live_price(view, position.symbol)
        if price is None:
            continue
        levels = swing_levels(position, swing)
        rule = levels.crossed(price)
        if rule:
            out.append(_exit(position, rule, _crossing(position, price, levels)))
        elif age := _too_old(view, position, price, session, swing):
            out.append(_exit(position, "max_hold_days", age))
        elif candidates_known and (missed := _too_many_misses(position, swing)):
            out.append(_exit(position, "consecutive_misses", missed))
    return tuple(out)


def sessions_after(view: MarketView, day: date, session: date | None) -> int:
    """Return the number of sessions after that of `day`, up to and with the current one (bars' sessions)."""
    bars = view.bars.sessions
    after = len(bars) - int(np.searchsorted(bars, np.datetime64(day, "D"), side="right"))
    last_bar = view.bars.dates[view.row] if view.row >= 0 else day
    unfinished = session is not None and session > max(last_bar, day)
    return after + int(unfinished)


def _too_old(view: MarketView, position: Position, price: Decimal, session: date | None, swing: SwingExit) -> str:
    """Return why a position has been held too long: `max_hold_days` sessions with too little profit."""
    limit = swing.max_hold_days
    if limit is None or session is None or (session - position.entry_session).days < limit:
        return ""  # sessions are never more than calendar days: no need to count them
    count = sessions_after(view, position.entry_session, session)
    if count < limit or price > offset_price(position.average_price, swing.min_profit_pct):
        return ""
    profit = price / position.average_price - 1
    return f"held {count} sessions, limit {limit}; profit {profit:.2%} is not above {swing.min_profit_pct:.2%}"


def _too_many_misses(position: Position, swing: SwingExit) -> str:
    limit = swing.consecutive_miss_limit
    if limit is None or position.missed_count < limit:
        return ""
    return f"no candidate in {position.missed_count} sessions, limit {limit}"


def unprotected(view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle) -> Iterator[str]:
    """Return an alert for each position that the cycle's rules could not be applied to in full, and why."""
    rules = cycle.kind.exit_rules
    if rules not in {ExitRules.SWING, ExitRules.RISK_CHECK}:
        return
    for position in _in_scope(portfolio, cycle):
        symbol = position.symbol
        if live_price(view, symbol) is None:
            reason = view.stale.get(symbol, "the feed has no price")
            yield f"{symbol} has no live price ({reason}): no exit rule was applied. Check the feed."
        elif rules is ExitRules.RISK_CHECK and not usable_atr(analysis.atr.get(symbol)):
            yield f"{symbol} has no ATR: only its static stop and target hold."


def _crossing(position: Position, price: Decimal, levels: Levels) -> str:
    below = levels.stop_price is not None and price <= levels.stop_price
    level = levels.stop_price if below else levels.target_price
    return (
        f"price {price} {'at or below' if below else 'at or above'} {level}; "
        f"entry {position.average_price:.4f}, peak {position.peak_price:.4f}"
    )


def _exit(position: Position, rule: str, reason: str) -> Decision:
    return Decision(
        symbol=position.symbol, action=Action.EXIT, score=-1.0, confidence=1.0, rule=rule, reasons=(reason,)
    )
