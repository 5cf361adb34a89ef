"""A person sells one position, or a part of it: by the road of every exit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from msgspec import UNSET

from core.cycles import SELL
from core.errors import RequestError
from core.types import Action, Cycle, Decision, StepReport, TradingState
from pipeline.engine import Engine
from pipeline.fault_policy import step_under_policy

Stepping = Callable[[Engine, Cycle, Sequence[Decision]], StepReport]


def sell(engine: Engine, symbol: str, quantity: Decimal | None, step: Stepping = step_under_policy) -> StepReport:
    """Sell now, at the market.

    Parameters
    ----------
    quantity : Decimal or None
        Shares; None for all. More than is held counts as all.
    step : callable
        Takes the step: the engine, the cycle, what is asked for.

    Raises
    ------
    core.errors.RequestError
        409 with the reason when nothing is sold.
    """
    if engine.state is TradingState.HALTED:
        raise RequestError(
            "Trading is halted: nothing is sent.", hint="POST /resume or POST /flatten.", status=409
        )
    wanted = Decision(
        symbol=symbol, action=Action.EXIT, score=-1.0, confidence=1.0, rule="sell",
        reasons=("a person asked to sell it",), quantity=UNSET if quantity is None else quantity,
    )  # fmt: skip
    report = step(engine, replace(SELL, symbols=(symbol,)), (wanted,))
    refused = next(iter(report.plan.refused), None)
    if refused is not None:
        raise RequestError(
            f"{symbol} is not sold: {refused.rule}, {refused.observed} (limit {refused.limit}).",
            hint="GET /positions shows what is held, GET /orders what is on its way.",
            status=409,
        )
    return report
