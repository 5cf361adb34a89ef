"""The reports that an engine answers with, put together from what it saw and decided."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET

from core.service import AnalysisReport
from core.types import Cycle, MarketAnalysis, MarketView, Plan, Settlement, StepReport

NOTHING_SETTLED = Settlement()


def step_report(
    decision_id: str,
    view: MarketView,
    cycle: Cycle,
    plan: Plan,
    config_digest: str,
    *,
    settlement: Settlement = NOTHING_SETTLED,
    notes: tuple[str, ...] = (),
    watched: tuple[str, ...] = (),
) -> StepReport:
    """Return the record of a step: what it saw, what it was configured with, what it decided and booked."""
    return StepReport(
        decision_id=decision_id,
        cycle=cycle,
        as_of=view.as_of,
        source=view.source,
        bars_until=_bars_until(view),
        view_digest=view.digest(),
        config_digest=config_digest,
        plan=plan,
        fills=settlement.fills,
        stale=view.stale,
        feed_fault=view.feed_fault,
        notes=notes,
        cash_movements=settlement.cash_movements,
        actions=settlement.actions,
        watched=watched or UNSET,
    )


def analysis_report(view: MarketView, analysis: MarketAnalysis) -> AnalysisReport:
    """Return the team's analysis beside what it was made from."""
    return AnalysisReport(
        as_of=view.as_of,
        source=view.source,
        bars_until=_bars_until(view),
        analysis=analysis,
        stale=view.stale,
        feed_fault=view.feed_fault,
        market_open=view.market_open,
    )


def last_bar_age_seconds(view: MarketView | None, now: datetime) -> float | None:
    """Return how old a view's newest bar is; None where there is no bar."""
    if view is None or view.row < 0:
        return None
    known_at = view.bars.known_at[-1].item().replace(tzinfo=UTC)
    return float((now - known_at).total_seconds())


def _bars_until(view: MarketView) -> str:
    return str(view.session) if view.row >= 0 else ""
