"""Compose a market view: the one way for live, recorded and simulated bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from adapters.feeds.action_gate import Admitted
from adapters.feeds.quality import Inspection
from core.ports import Calendar
from core.types import Headline, MarketView, Quote

QuoteSource = Callable[[datetime], Mapping[str, Quote]]
HeadlineFeed = Callable[[datetime], tuple[Headline, ...]]
NO_QUOTE = "no quote while the exchange is open"
NONE_ADMITTED = Admitted((), {})
LOOK_BACK = timedelta(days=14)  # longer than any closure of the exchange since 2001


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """Which session runs at a moment, and which one's bar must be there by then.

    Attributes
    ----------
    opened_at : datetime or None
        When the session running at the moment opened; None when the exchange is closed.
    session_due : datetime64[D] or None
        The newest session whose bar must be there by now.
    """

    opened_at: datetime | None
    session_due: np.datetime64 | None


def session_status(calendar: Calendar, at: datetime, publication_delay: timedelta) -> SessionStatus:
    """Look up a moment in the exchange's calendar; a closed session is due after the vendor's delay."""
    day = at.astimezone(UTC).date()
    opened_at, due = None, None
    for session, opens_at, closes_at in reversed(calendar.sessions(day - LOOK_BACK, day)):
        if opens_at <= at < closes_at:
            opened_at = opens_at
        if closes_at + publication_delay <= at:
            due = np.datetime64(session, "D")
            break
    return SessionStatus(opened_at=opened_at, session_due=due)


def compose(
    *,
    as_of: datetime,
    status: SessionStatus,
    inspection: Inspection,
    source: str,
    quotes: Mapping[str, Quote],
    stale_quotes: Mapping[str, str],
    headlines: tuple[Headline, ...],
    faults: Sequence[str],
    admitted: Admitted = NONE_ADMITTED,
) -> MarketView:
    """Build the view: the bars known at `as_of`, who is left out and why, and what is wrong with the feed."""
    panel = inspection.panel
    rows = panel.rows_known(as_of)
    found = inspection.row_quality(rows - 1)
    stale = {**stale_quotes, **found.left_out} if stale_quotes else found.left_out
    if admitted.frozen:
        stale = {**stale, **admitted.frozen}
    all_faults = (found.feed_fault, _overdue(inspection, rows, status), *faults)
    return MarketView(
        as_of=as_of,
        bars=panel.prefix(rows),
        quotes=quotes,
        headlines=headlines,
        stale=stale,
        feed_fault=" ".join(part for part in all_faults if part),
        source=source,
        market_open=status.opened_at is not None,
        actions=admitted.actions,
    )


def _overdue(inspection: Inspection, rows: int, status: SessionStatus) -> str:
    if not rows or status.session_due is None or inspection.panel.sessions[rows - 1] >= status.session_due:
        return ""
    newest = inspection.panel.sessions[rows - 1]
    return f"The session {status.session_due} is missing: the newest bars are of {newest}."
