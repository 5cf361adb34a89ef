"""What every source of bars here offers beyond the port: its notes, its delay, and whether it can replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from core.ports import BarSource


class Source(BarSource, Protocol):
    """A source of daily bars and quotes.

    Attributes
    ----------
    notes : mapping of str to str
        What was odd in the last answer: by symbol, or by the source's own name for the whole.
    publication_delay : timedelta
        How long after the close a session's bar may still be missing or unfinished.
    replays_quotes : bool
        Whether `quotes` can answer for a past moment; a live vendor only knows now.
    """

    notes: Mapping[str, str]
    publication_delay: timedelta
    replays_quotes: bool
