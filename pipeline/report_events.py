"""The events of a step, as plain values for the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from core.orders import SPLIT
from core.ports import EventSink
from core.types import (
    Action,
    CashMovement,
    CorporateAction,
    Fill,
    Portfolio,
    Regime,
    SectorScore,
    Side,
    StepReport,
    TradingState,
)

EventContent = tuple[str, dict[str, Any]]


def publish_events_to(events: EventSink) -> Callable[[StepReport, TradingState], None]:
    """Return the function that publishes a report's events to `events`.

    An alert that the last step of the same cycle had too is not published again: it goes on.
    """
    alerted: dict[str, tuple[str, ...]] = {}

    def publish_events(report: StepReport, before: TradingState) -> None:
        known = alerted.get(report.cycle.name, ())
        alerted[report.cycle.name] = report.plan.alerts
        fresh = tuple(alert for alert in report.plan.alerts if alert not in known)
        for topic, data in events_of(replace(report, plan=replace(report.plan, alerts=fresh)), before):
            events.publish(topic, report.as_of, data)

    return publish_events


def events_of(report: StepReport, before: TradingState) -> Iterator[EventContent]:
    """List a step's events, (topic, data), in the order in which things happened."""
    plan = report.plan
    data: dict[str, Any] = {"decision_id": report.decision_id, "source": report.source}
    yield from _settled(report, data)
    if plan.analysis.regime is not None:
        yield "regime.update", data | regime_data(plan.analysis.regime)
    for sector in plan.analysis.sectors:
        if sector.hot:
            yield "sector.hot", data | sector_data(sector)
    for decision in plan.decisions:
        if decision.action is not Action.HOLD:
            topic = "signal.buy" if decision.action is Action.ENTER else "signal.sell"
            yield (
                topic,
                data | {"ticker": decision.symbol, "score": round(decision.score, 4), "rule": decision.rule},
            )
    if plan.decisions:
        yield (
            "decision.made",
            data
            | {
                "cycle": report.cycle.name,
                "approved": [approved.order.symbol for approved in plan.approved],
                "refused": [refused.symbol for refused in plan.refused],
                "unchanged": len(plan.unchanged),
            },
        )
    for refused in plan.refused:
        yield (
            "order.refused",
            data
            | {
                "ticker": refused.symbol,
                "side": refused.side.value,
                "rule": refused.rule,
                "limit": refused.limit,
                "observed": refused.observed,
            },
        )
    for alert in (*plan.alerts, *report.notes, *((report.feed_fault,) if report.feed_fault else ())):
        yield "risk.alert", data | {"message": alert}
    if plan.state is not before:
        yield "state.changed", data | {"from": before.value, "to": plan.state.value}
    yield "portfolio.update", data | portfolio_data(plan.portfolio)


def _settled(report: StepReport, data: Mapping[str, Any]) -> Iterator[EventContent]:
    """List what a step settled: corporate actions, fills, cash without a trade."""
    for action in report.actions:
        yield "corporate.action", {**data, **action_data(action)}
    for fill in report.fills:
        if fill.rule == SPLIT:
            change = f"{'+' if fill.side is Side.BUY else '-'}{fill.quantity}"
            message = f"{fill.symbol} was split: {change} shares, no money moved"
            yield "risk.alert", {**data, "message": message}
        else:
            yield "order.filled", filled(fill)
    for movement in report.cash_movements:
        yield "cash.movement", {**data, **movement_data(movement)}


def filled(fill: Fill) -> dict[str, Any]:
    """Return a fill as plain values."""
    return {
        "client_order_id": fill.client_order_id,
        "ticker": fill.symbol,
        "side": fill.side.value,
        "quantity": str(fill.quantity),
        "price": str(fill.price),
        "fee": str(fill.fee),
        "rule": fill.rule,
        "fill_id": fill.fill_id,
        "at": fill.at.isoformat(),
    }


def action_data(action: CorporateAction) -> dict[str, Any]:
    """Describe a corporate action."""
    return {
        "action_id": action.action_id,
        "ticker": action.symbol,
        "kind": action.kind.value,
        "ex_date": action.ex_date.isoformat(),
        "ratio": str(action.ratio),
        "cash_per_share": str(action.cash_per_share),
        "source": action.source,
        "message": action.description,
    }


def movement_data(movement: CashMovement) -> dict[str, Any]:
    """Describe a cash movement."""
    return {
        "movement_id": movement.movement_id,
        "ticker": movement.symbol,
        "kind": movement.kind.value,
        "amount": str(movement.amount),
        "at": movement.at.isoformat(),
        "message": movement.note,
    }


def regime_data(regime: Regime) -> dict[str, Any]:
    """Return a regime as plain values."""
    return {
        "regime": regime.name,
        "probabilities": {name: round(p, 6) for name, p in regime.probabilities.items()},
        "exposure_scale": round(regime.exposure_scale, 6),
        "as_of": regime.as_of.isoformat(),
    }


def sector_data(sector: SectorScore) -> dict[str, Any]:
    """Return a hot sector as plain values."""
    return {"sector": sector.sector, "etf": sector.etf, "rank": sector.rank, "picks": list(sector.picks)}


def portfolio_data(portfolio: Portfolio) -> dict[str, Any]:
    """Return a portfolio as plain values."""
    return {
        "equity": str(portfolio.equity),
        "cash": str(portfolio.cash),
        "positions": {
            symbol: {
                "quantity": str(held.quantity),
                "average_price": str(held.average_price),
                "last_price": str(held.last_price),
            }
            for symbol, held in sorted(portfolio.positions.items())
        },
        "daily_return": round(portfolio.daily_return, 6),
        "drawdown": round(portfolio.drawdown, 6),
        "breaker_daily_return": round(portfolio.breaker_daily_return, 6),
        "breaker_drawdown": round(portfolio.breaker_drawdown, 6),
    }
