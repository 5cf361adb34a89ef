"""The feed of a running daemon: fetches when a session has closed, quotes while the exchange is open."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from adapters.clock import SystemClock
from adapters.clock_offset import ClockOffset
from adapters.feeds.action_gate import ActionGate, Admitted
from adapters.feeds.ended_listings import LiveListings
from adapters.feeds.quality import Inspection, inspect, too_many_missing
from adapters.feeds.quote_references import UNKNOWN, References, references_of
from adapters.feeds.quote_times import clock_suspected, on_our_clock
from adapters.feeds.quotes import BelievedQuotes, believe
from adapters.feeds.source import Source
from adapters.feeds.views import NO_QUOTE, HeadlineFeed, SessionStatus, compose, session_status
from config.clock import ClockSettings
from config.trading import DataSettings
from core.errors import DataError
from core.ports import Calendar
from core.types import BarPanel, CorporateAction, MarketView, Quote

LOG = logging.getLogger(__name__)
RETRY_FIRST = timedelta(minutes=1)
RETRY_MAX = timedelta(minutes=15)
QUOTES_KEPT = timedelta(seconds=30)
NOTHING_BOUGHT = "Nothing is bought until it answers again; what is held is looked after as before."
NO_PRICES = "Without prices nothing is bought or sold, and only the stops that rest at the broker hold."


class _Poll(NamedTuple):
    """The quotes of a moment as the source gave them, and which of them are believed."""

    at: datetime
    given: Mapping[str, Quote]
    believed: BelievedQuotes


class DailyFeed:
    """Gives the view of a moment from a source that may fail, be late or be wrong.

    Bars are fetched when a session that must be out by `as_of` is not in the panel yet. After a failure the old
    panel is served, the fault is named (entries stop), and the source is asked again after 1, 2, 4 ... up to
    15 minutes. A corporate action that becomes known with the quotes has its symbol's history fetched anew at
    once. Times come from `as_of` alone, so a moved clock moves everything.

    Each poll of quotes is judged by the ones before it and by the bars (`adapters.feeds.quotes`): a symbol whose
    price is not believed is stale.

    Parameters
    ----------
    headlines : callable or None
        Headlines that were out at a moment.
    said_actions : sequence of CorporateAction
        What a person said of corporate actions; it counts before what the source lists.
    offset : ClockOffset or None
        This machine's clock against the broker's; None where no broker has one.

    Attributes
    ----------
    fault : str
        Why the last fetch failed; empty when it did not.
    fetched_at : datetime or None
        When bars were last fetched.
    notes : tuple of str
        What the source and the gate found in the last bars.
    """

    def __init__(
        self,
        source: Source,
        calendar: Calendar,
        symbols: Sequence[str],
        settings: DataSettings,
        *,
        headlines: HeadlineFeed | None = None,
        said_actions: Sequence[CorporateAction] = (),
        offset: ClockOffset | None = None,
    ) -> None:
        self._offset = offset or ClockOffset(ClockSettings(), SystemClock().now)
        self._actions = ActionGate(said_actions)
        self._source = source
        self._calendar = calendar
        self._symbols = tuple(symbols)
        self._settings = settings
        self._headlines = headlines
        self._inspection: Inspection | None = None
        self._listings: LiveListings | None = None
        self._start = date.max
        self._latest: datetime | None = None
        self._failures = 0
        self._incomplete = False
        self._retry_at: datetime | None = None
        self._polled: _Poll | None = None
        self._referred: tuple[BarPanel | None, int, References] | None = None
        self._outdated: frozenset[str] = frozenset()
        self._frozen: Mapping[str, str] = {}
        self.fault = ""
        self.fetched_at: datetime | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The source's name."""
        return self._source.name

    def view(self, as_of: datetime) -> MarketView:
        """Give all that was known at `as_of`, fetching first what is due.

        Raises
        ------
        core.errors.DataError
            When there are no bars at all and the source gives none.
        """
        self._offset.correction(doubtful=False)  # known from the start on, not only when quotes come
        self.refresh(as_of)
        if self._inspection is None:
            raise DataError(
                self.fault or f"{self.source} gave no bars.", hint="Check the network; it retries by itself."
            )
        status = session_status(self._calendar, as_of, self._source.publication_delay)
        quotes, stale, quote_fault = self._quotes(as_of, status)
        self._refresh_outdated(as_of)
        known = self._inspection.panel.prefix(self._inspection.panel.rows_known(as_of))
        return compose(
            as_of=as_of,
            status=status,
            inspection=self._inspection,
            source=self.source,
            quotes=quotes,
            stale_quotes=stale,
            headlines=self._headlines(as_of) if self._headlines else (),
            faults=(self.fault if self._is_now(as_of) else "", quote_fault),
            admitted=self._admitted(as_of, known, self._witnesses(as_of, status)),
        )

    def refresh(self, as_of: datetime) -> None:
        """Fetch the bars that are due at `as_of`, if any, and not too soon after a failure."""
        self._latest = max(as_of, self._latest or as_of)
        if not self._due(as_of) or (self._retry_at is not None and as_of < self._retry_at):
            return
        try:
            self._fetch(as_of)
        except DataError as error:
            self.fault = f"{self.source} failed: {error} {NOTHING_BOUGHT}"
            LOG.warning("%s", self.fault)
        self._plan_retry(as_of)

    def _witnesses(self, as_of: datetime, status: SessionStatus) -> Mapping[str, Quote]:
        """Return the session's quotes as given: one that is not believed may still contradict a split."""
        if self._polled is None or status.opened_at is None or not self._is_now(as_of):
            return {}
        oldest = as_of - timedelta(seconds=self._settings.quote_age_max_seconds)
        return {name: quote for name, quote in self._polled.given.items() if oldest <= quote.at <= as_of}

    def _admitted(self, as_of: datetime, known: BarPanel, quotes: Mapping[str, Quote]) -> Admitted:
        """Sort the source's corporate actions, and log which symbols they freeze or free."""
        admitted = self._actions.admit(as_of, self._source.actions(), known, quotes)
        if self._is_now(as_of):
            for name, reason in admitted.frozen.items():
                if self._frozen.get(name) != reason:
                    LOG.warning("%s is frozen. %s", name, reason)
            for name in self._frozen.keys() - admitted.frozen.keys():
                LOG.warning("%s is traded again.", name)
            self._frozen = admitted.frozen
        given = self._polled.given if self._polled else {}
        ended = self._listings.until(len(known.sessions), given) if self._listings else ()
        return admitted._replace(actions=(*admitted.actions, *ended))

    def _refresh_outdated(self, as_of: datetime) -> None:
        """Fetch anew at once what an action made outdated; the same one again only after the usual wait."""
        outdated = self._source.actions().outdated
        if outdated - self._outdated:
            self._retry_at = None
        self._outdated = outdated
        if outdated:
            self.refresh(as_of)

    def _due(self, as_of: datetime) -> bool:
        due = session_status(self._calendar, as_of, self._source.publication_delay).session_due
        if self._inspection is None or not len(self._inspection.panel.sessions):
            return True
        late = due is not None and bool(self._inspection.panel.sessions[-1] < due)
        actions = self._source.actions()
        unsettled = self._incomplete or bool(actions.outdated or actions.doubts)
        return late or (unsettled and self._is_now(as_of))

    def _fetch(self, as_of: datetime) -> None:
        due = session_status(self._calendar, as_of, self._source.publication_delay).session_due
        end = as_of.astimezone(UTC).date() if due is None else due.astype(object)
        self._start = min(self._start, _years_before(end, self._settings.history_years))
        panel = self._source.bars(self._symbols, self._start, end)
        if not len(panel.sessions):
            raise DataError(f"{self.source} gave no bars from {self._start} to {end}.")
        self._inspection = inspect(panel, self._settings, fetched_at=as_of)
        share_max = self._settings.missing_symbols_max_pct
        self._listings = LiveListings(panel, share_max)  # a bar that the gate masked was there
        self.fault = ""
        self.fetched_at = as_of
        self._incomplete = self.source in self._source.notes
        self.notes = (*(f"{name}: {note}" for name, note in self._source.notes.items()), *self._inspection.notes)
        for note in self.notes:
            LOG.warning("%s: %s", self.source, note)

    def _plan_retry(self, as_of: datetime) -> None:
        if not self._due(as_of):
            self._failures, self._retry_at = 0, None
            return
        self._retry_at = as_of + min(RETRY_FIRST * 2**self._failures, RETRY_MAX)
        self._failures = min(self._failures + 1, 10)

    def _is_now(self, as_of: datetime) -> bool:
        return self._latest is None or as_of >= self._latest

    def _quotes(
        self, as_of: datetime, status: SessionStatus
    ) -> tuple[Mapping[str, Quote], Mapping[str, str], str]:
        """Give the quotes to use, the symbols whose quote is stale, and what is wrong with all of them."""
        if status.opened_at is None or not (self._source.replays_quotes or self._is_now(as_of)):
            return {}, {}, ""
        try:
            poll = self._latest_poll(as_of, status.opened_at)
        except DataError as error:
            fault = f"{self.source} gave no quotes: {error} {NO_PRICES}"
            return {}, dict.fromkeys(self._symbols, fault), fault
        oldest = as_of - timedelta(seconds=self._settings.quote_age_max_seconds)
        fresh = {n: quote for n, quote in poll.believed.quotes.items() if oldest <= quote.at <= as_of}
        stale = {
            name: poll.believed.doubts.get(name) or _why_stale(poll.believed.quotes.get(name), as_of)
            for name in self._symbols
            if name not in fresh
        }
        wanted = self._still_listed(poll.given)
        missing = too_many_missing(len(wanted & stale.keys()), len(wanted), self._settings)
        return fresh, stale, self._offset.fault or clock_suspected(poll.given, as_of) or missing

    def _still_listed(self, quotes: Mapping[str, Quote]) -> set[str]:
        """Return who belongs by now and is still listed: of others no quote is missed."""
        if self._inspection is None or self._listings is None:
            return set(self._symbols)
        panel = self._inspection.panel
        ended = {action.symbol for action in self._listings.until(len(panel.sessions), quotes)}
        return {name for name, belongs in zip(panel.symbols, panel.member[-1], strict=True) if belongs} - ended

    def _latest_poll(self, as_of: datetime, opened_at: datetime) -> _Poll:
        """Give the poll kept, or a new one judged by it; one of the past is judged by itself and not kept."""
        before = self._polled
        if before is not None and timedelta(0) <= as_of - before.at <= self._kept:
            return before
        quotes = self._source.quotes(self._symbols, as_of)
        if not self._source.replays_quotes:
            quotes = on_our_clock(quotes, as_of, self._offset)
        self._refresh_outdated(as_of)  # first: a split that the quotes tell of restates what they are judged by
        is_past = before is not None and as_of < before.at
        history = before.believed.history if before is not None and not is_past else {}
        poll = _Poll(as_of, quotes, believe(quotes, history, self._references(as_of), opened_at))
        if not is_past:
            _log_doubts(self.source, before.believed.doubts if before else {}, poll.believed.doubts)
            self._polled = poll
        return poll

    def _references(self, as_of: datetime) -> References:
        """Look up closes and volatilities in the bars known at a moment, computed once for the same bars."""
        panel = self._inspection.panel if self._inspection else None
        known = panel.prefix(panel.rows_known(as_of)) if panel else None
        if known is None:
            return lambda _: UNKNOWN
        if self._referred is None or self._referred[:2] != (panel, len(known.sessions)):
            self._referred = panel, len(known.sessions), references_of(known)
        return self._referred[2]

    @property
    def _kept(self) -> timedelta:
        return timedelta(0) if self._source.replays_quotes else QUOTES_KEPT


def _log_doubts(source: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Log each doubt once, when it begins and when it is over."""
    for name, reason in now.items():
        if name not in before:
            LOG.warning("%s: %s has no price to act on: %s", source, name, reason)
    for name in before:
        if name not in now:
            LOG.info("%s: %s has a believed price again", source, name)


def _why_stale(quote: Quote | None, as_of: datetime) -> str:
    if quote is None:
        return NO_QUOTE
    if quote.at > as_of:
        return f"its quote is {(quote.at - as_of).total_seconds():.0f} s ahead of this machine's clock"
    return f"its last quote is {(as_of - quote.at).total_seconds():.0f} s old"


def _years_before(day: date, years: int) -> date:
    return day - timedelta(days=round(365.25 * years))
