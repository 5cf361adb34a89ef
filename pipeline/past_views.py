"""A decision as of a past moment: on an empty portfolio, recorded, never sent; it says whose close it saw."""

from __future__ import annotations

from decimal import Decimal

from core.errors import RequestError
from core.times import market_date
from core.types import Cycle, MarketView, StepReport, TradingState
from pipeline.account import opening_portfolio
from pipeline.dependencies import EngineDependencies
from pipeline.reports import step_report
from pipeline.step import decide

WHAT_IF = "what if: decided at a past moment against an empty portfolio; it cannot be executed"


def what_if(parts: EngineDependencies, cycle: Cycle, equity: Decimal) -> StepReport:
    """Decide at a cycle's past moment with so much cash, US dollars; the real portfolio is untouched."""
    assert cycle.as_of is not None  # noqa: S101  # the caller has looked
    with parts.memory.during_step():
        view = parts.feed.view(cycle.as_of)
        require_bars(view)
        digest = parts.config_digest()
        empty, state = opening_portfolio(equity), TradingState.ACTIVE
        name, plan = decide(view, empty, parts.team, parts.risk, state, cycle, digest)
        report = step_report(name, view, cycle, plan, digest, notes=past_view_notes(view), watched=parts.watched)
        parts.ledger.record(report)
        return report


def require_bars(view: MarketView) -> None:
    """Refuse a moment at which no bar was known.

    Raises
    ------
    RequestError
        Status 422, with the first session there is.
    """
    if view.row >= 0:
        return
    dates = view.bars.dates  # of the whole panel, as long as there is one
    first = f"There are no bars before {dates[0]}, the first session" if len(dates) else "There are no bars yet"
    raise RequestError(
        f"{first}: nothing can be decided as of that moment.",
        hint="Ask for a later moment, or leave as_of out for now.",
        status=422,
    )


def past_view_notes(view: MarketView) -> tuple[str, ...]:
    """Return a report's notes on its moment: a what-if, and whose close it is where that day had none yet."""
    day, session = market_date(view.as_of), view.bars.dates[view.row]
    if view.market_open or session == day:
        return (WHAT_IF,)
    return (
        WHAT_IF,
        f"No session had closed on {day:%A} {day} at that moment: this is the close of {session:%A} {session}",
    )
