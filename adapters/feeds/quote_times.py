"""The times of live quotes, put on this machine's clock: an exchange's stamps are right, our clock may not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from adapters.clock_offset import ClockOffset
from core.types import Quote


def on_our_clock(quotes: Mapping[str, Quote], as_of: datetime, clock: ClockOffset) -> Mapping[str, Quote]:
    """Correct each time by how far our clock is off; what is then little ahead was printed during the request.

    Such a quote was known when the decision is made, so its time becomes `as_of`. One that is ahead by more than
    the clock's tolerance keeps its time and is refused by whoever reads it.
    """
    latest = as_of + clock.tolerance
    correction = clock.correction(doubtful=any(quote.at > latest for quote in quotes.values()))

    def ours(at: datetime) -> datetime:
        at -= correction
        return as_of if as_of < at <= latest else at

    return {
        name: replace(quote, at=ours(quote.at), bid_ask_at=ours(quote.bid_ask_at) if quote.bid_ask_at else None)
        for name, quote in quotes.items()
    }


def clock_suspected(quotes: Mapping[str, Quote], as_of: datetime) -> str:
    """Return what most quotes being of the future says of our clock; empty when they are not."""
    ahead = [quote.at - as_of for quote in quotes.values() if quote.at > as_of]
    if 2 * len(ahead) <= len(quotes):
        return ""
    return (
        f"{len(ahead)} of {len(quotes)} quotes are ahead of this machine's clock, by up to "
        f"{max(ahead).total_seconds():.0f} s, so it seems to be behind. No such price is used: nothing is bought "
        "and no stop is watched. Set this machine's clock: turn its network time (NTP) on."
    )
