"""Ledger rows as graph: pure, and the same rows give the same page whenever they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from adapters.memory.journal import Step
from adapters.memory.records import Closing, Episode, Page, name_of
from adapters.memory.round_trips import (
    NO_REGIME,
    PositionEvent,
    PositionTracker,
    TrackedPosition,
    outcome,
    votes_by_outcome,
)
from core.types import Action, Decision, Fill, Order

STEP, ORDER, FILL = (f"trading-engine ledger: {table}" for table in ("steps", "orders", "fills"))


def project(steps: Iterable[tuple[int, Step]], tracker: PositionTracker) -> Page:
    """Turn steps into the page that the graph is written from.

    Each step, each approved order and each fill becomes one episode; what they state becomes facts.

    Parameters
    ----------
    steps : iterable of (int, Step)
        Each with its place, in the ledger's order.
    tracker : PositionTracker
        Has taken every step before these, and takes these.
    """
    page = Page(sector_of=tracker.sector_of)
    for sequence, report in steps:
        _add_step(page, report)
        for order in (approved.order for approved in report.plan.approved):
            uuid, at = name_of("order", order.client_order_id), report.as_of
            _add_episode(page, report, order.symbol, uuid, order.client_order_id, ORDER, _order_text(order), at)
        for fill in report.fills:
            uuid = name_of("fill", fill.fill_id)
            _add_episode(page, report, fill.symbol, uuid, fill.fill_id, FILL, _fill_text(fill), fill.at)
        for event in tracker.take(report):
            if event.opened:
                _add_opening(page, report, event)
            elif event.closed:
                _add_closing(page, report, event)
        page.until = sequence
        page.rows += 1 + len(report.plan.approved) + len(report.fills)
    return page


def ticker(page: Page, report: Step, symbol: str, episode: str) -> str:
    """Name a ticker, and the sector it is in."""
    at, sector = report.as_of, page.sector_of.get(symbol)
    uuid = page.entity("Ticker", symbol, at)
    if sector is not None:
        page.relate(
            uuid, "IN_SECTOR", page.entity("Sector", sector, at), f"{symbol} is a stock of {sector}",
            episode=episode, known_at=at, valid_at=at,
        )  # fmt: skip
    return uuid


def _add_step(page: Page, report: Step) -> None:
    acts = [] if report.cycle.as_of else [d for d in report.plan.decisions if d.action is not Action.HOLD]
    uuid = name_of("step", report.decision_id)
    facts: list[str] = []
    if acts:
        summary = ", ".join(f"{decision.action.value} {decision.symbol}" for decision in acts)
        made = page.entity("Decision", report.decision_id, report.as_of, summary, cycle=report.cycle.name)
        page.mention(uuid, made, report.as_of)
        facts = [_decided(page, report, decision, made, uuid) for decision in acts]
        facts += _regime(page, report, made, uuid)
    page.episodes[uuid] = Episode(
        uuid=uuid, name=report.decision_id, source="json", source_description=STEP,
        content=msgspec.json.encode(_content(report, acts)).decode(),
        valid_at=report.as_of, created_at=report.as_of, entity_edges=tuple(facts),
    )  # fmt: skip


def _decided(page: Page, report: Step, decision: Decision, made: str, episode: str) -> str:
    verb = decision.action.value
    fate = _fate(report, decision.symbol)
    fact = f"decided to {verb} {decision.symbol} ({fate}): {'; '.join(decision.reasons)}"
    return page.relate(
        made, f"DECIDED_TO_{verb.upper()}", ticker(page, report, decision.symbol, episode), fact,
        episode=episode, known_at=report.as_of, valid_at=report.as_of,
        score=decision.score, confidence=decision.confidence, rule=decision.rule, outcome=fate,
    )  # fmt: skip


def _regime(page: Page, report: Step, made: str, episode: str) -> list[str]:
    regime = report.plan.analysis.regime
    if regime is None:
        return []
    target = page.entity("Regime", regime.name, report.as_of)
    fact = f"{report.decision_id} was decided in the {regime.name} regime"
    at = report.as_of
    return [page.relate(made, "IN_REGIME", target, fact, episode=episode, known_at=at, valid_at=at)]


def _fate(report: Step, symbol: str) -> str:
    if any(approved.order.symbol == symbol for approved in report.plan.approved):
        return "approved"
    refused = next((refused for refused in report.plan.refused if refused.symbol == symbol), None)
    return f"refused by {refused.rule}" if refused else "no change"


def _content(report: Step, acts: list[Decision]) -> dict[str, Any]:
    """Return an episode's content for a step: all that was done and why, not all that was in view."""
    plan = report.plan
    return {
        "cycle": report.cycle.name,
        "what_if": report.cycle.as_of is not None,
        "as_of": report.as_of,
        "source": report.source,
        "trading_state": plan.state.value,
        "regime": plan.analysis.regime.name if plan.analysis.regime else NO_REGIME,
        "decided": [
            {
                "ticker": d.symbol, "action": d.action.value, "score": d.score, "rule": d.rule,
                "reasons": d.reasons, "votes": {vote.signal.agent: vote.signal.score for vote in d.votes},
            }
            for d in acts
        ],
        "unchanged": len(plan.unchanged),
        "refused": plan.refused,
        "alerts": plan.alerts,
        "notes": report.notes,
        "feed_fault": report.feed_fault,
    }  # fmt: skip


def _order_text(order: Order) -> str:
    return (
        f"approved: {order.side.value} {order.quantity} {order.symbol} at about {order.reference_price} USD "
        f"({order.rule})"
    )


def _fill_text(fill: Fill) -> str:
    return (
        f"filled: {fill.side.value} {fill.quantity} {fill.symbol} at {fill.price} USD, fee {fill.fee} USD "
        f"({fill.rule or 'no rule is named'})"
    )


def _add_episode(
    page: Page, report: Step, symbol: str, uuid: str, name: str, table: str, content: str, valid_at: datetime
) -> None:
    """Add an episode about a symbol, and the mention of it."""
    page.mention(uuid, ticker(page, report, symbol, uuid), report.as_of)
    page.episodes[uuid] = Episode(
        uuid=uuid, name=name, source="text", source_description=table, content=content,
        valid_at=valid_at, created_at=report.as_of,
    )  # fmt: skip


def _add_opening(page: Page, report: Step, event: PositionEvent) -> None:
    position, fill, episode = event.position, event.fill, name_of("fill", event.fill.fill_id)
    entry, at = position.entry, report.as_of
    summary = f"{fill.quantity} {position.symbol} bought at {fill.price} USD on {fill.at:%Y-%m-%d}"
    factors = {f"factor_{name}": value for name, value in entry.factors.items()} if entry else {}
    held = page.entity(
        "Position", position.name, at, summary,
        ticker=position.symbol, sector=position.sector, regime=position.regime, **factors,
    )  # fmt: skip
    facts = [
        page.relate(
            held, "HOLDS", page.entity("Ticker", position.symbol, at), f"holds {position.symbol}: {summary}",
            episode=episode, known_at=at, valid_at=fill.at,
        )
    ]  # fmt: skip
    if entry is not None and entry.decision is not None:
        facts.append(
            page.relate(
                held, "OPENED_BY", page.entity("Decision", entry.decision_id, entry.as_of),
                f"{summary}, as {entry.decision_id} decided",
                episode=episode, known_at=at, valid_at=fill.at,
            )
        )  # fmt: skip
    _add_facts(page, episode, facts)


def _add_closing(page: Page, report: Step, event: PositionEvent) -> None:
    position, episode, at = event.position, name_of("fill", event.fill.fill_id), report.as_of
    assert position.round_trip is not None  # noqa: S101  # that is what closed means
    ended = position.round_trip
    held, symbol = name_of("Position", position.name), name_of("Ticker", position.symbol)
    facts = [
        page.relate(
            held, "RETURNED", symbol, outcome(position), episode=episode, known_at=at, valid_at=ended.exit_at,
            profit_pct=ended.profit_pct, profit_usd=str(ended.profit_usd), exit_rule=ended.exit_rule,
        )
    ]  # fmt: skip
    for name, votes in zip(("CALLED_RIGHT_BY", "CALLED_WRONG_BY"), votes_by_outcome(position), strict=True):
        for vote in votes:
            said = vote.signal
            came = f"{position.symbol} returned {ended.profit_pct:+.1%}"
            fact = f"{said.agent} said {said.score:+.2f} ({said.reason}); {came}"
            agent = page.entity("Agent", said.agent, at)
            facts.append(
                page.relate(
                    held, name, agent, fact, episode=episode, known_at=at, valid_at=ended.exit_at,
                    ticker=position.symbol, score=said.score, weight=vote.weight,
                )
            )  # fmt: skip
    _add_facts(page, episode, facts)
    for relation, source in _no_longer_true(position):
        page.closings[relation] = Closing(relation=relation, source=source, invalid_at=ended.exit_at)


def _no_longer_true(position: TrackedPosition) -> list[tuple[str, str]]:
    """Return the facts that end with a position: that it is held, and the decision to enter it."""
    held, symbol = name_of("Position", position.name), name_of("Ticker", position.symbol)
    ended = [(name_of("RELATES_TO", held, "HOLDS", symbol), held)]
    entry = position.entry
    if entry is not None and entry.decision is not None and entry.decision.action is not Action.HOLD:
        made, verb = name_of("Decision", entry.decision_id), entry.decision.action.value.upper()
        ended.append((name_of("RELATES_TO", made, f"DECIDED_TO_{verb}", symbol), made))
    return ended


def _add_facts(page: Page, episode: str, facts: list[str]) -> None:
    """Name in an episode the facts that it states."""
    found = page.episodes[episode]
    page.episodes[episode] = replace(found, entity_edges=(*found.entity_edges, *facts))
