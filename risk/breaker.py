"""When the engine stops itself. A breaker only tightens; only a person goes back.

- `max_daily_loss_pct` 0: HALTED. It is the operator's switch.
- drawdown from the peak at or below `max_drawdown_pct`: HALTED. Nothing is sent, stops neither: whatever lost
  this much is not to go on by itself. `/flatten` still sells.
- the session's loss at or below `max_daily_loss_pct`: REDUCING. Stops and targets still close positions.
- `max_consecutive_faults` faults in a row: REDUCING, until a step goes well and ledger and account agree.

A breaker set to `null` is off.

A resume lets both measure from the equity of then (`Portfolio.rebased`), or the same loss would trip the breaker
again; the reported drawdown and daily return are other figures, which no resume changes.
"""

from __future__ import annotations

from config.risk import RiskSettings
from core.types import Portfolio, TradingState

SEVERITY = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}
StateAndAlerts = tuple[TradingState, tuple[str, ...]]


def next_state(portfolio: Portfolio, settings: RiskSettings, state: TradingState) -> StateAndAlerts:
    """Return the trading state after the portfolio was marked, and an alert for each breaker that acted."""
    loss_pct, drawdown_pct = (
        settings.daily_limits.max_daily_loss_pct,
        settings.circuit_breakers.max_drawdown_pct,
    )
    tripped = []
    if loss_pct == 0:
        message = "max_daily_loss_pct is 0: all trading is halted. Restore it, then POST /resume."
        tripped.append((TradingState.HALTED, message))
    elif loss_pct is not None and (day := portfolio.breaker_daily_return) <= loss_pct:
        message = f"The session's return {day:.2%} is at or below {loss_pct:.2%}: exits only until POST /resume."
        tripped.append((TradingState.REDUCING, message))
    if drawdown_pct is not None and (fall := portfolio.breaker_drawdown) <= drawdown_pct:
        message = (
            f"The drawdown {fall:.2%} is at or below {drawdown_pct:.2%}: nothing is sent, stops neither. "
            "POST /flatten sells everything; POST /resume goes on."
        )
        tripped.append((TradingState.HALTED, message))
    return _tightened(state, tripped)


def on_consecutive_errors(count: int, settings: RiskSettings, state: TradingState) -> StateAndAlerts:
    """Return the trading state after `count` steps in a row ended in a fault, and an alert if that changed it."""
    limit = settings.circuit_breakers.max_consecutive_faults
    if limit is None:
        return state, ()
    message = (
        f"{count} steps in a row ended in a fault, limit {limit}: nothing is bought. It ends by itself with the "
        "first step that goes well, once ledger and account agree. See /status for the fault."
    )
    return _tightened(state, [(TradingState.REDUCING, message)] if count >= limit else [])


def _tightened(state: TradingState, tripped: list[tuple[TradingState, str]]) -> StateAndAlerts:
    acting = [(to, message) for to, message in tripped if SEVERITY[to] > SEVERITY[state]]
    after = max((to for to, _ in acting), key=SEVERITY.__getitem__, default=state)
    return after, tuple(message for _, message in acting)
