"""What a decision as of a past moment says of it: whether there were bars, and of which session."""

from __future__ import annotations

from core.errors import RequestError
from core.times import market_date
from core.types import MarketView

WHAT_IF = "what if: decided at a past moment against an empty portfolio; it cannot be executed"


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
