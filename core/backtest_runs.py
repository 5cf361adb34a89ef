"""Backtests that were run and kept, as the edge reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

SUMMARY, PINNED = "summary.json", "pinned"
"""Files of a run's folder: it in a line; and, where it is never deleted, an empty one."""


class RunSummary(Struct, frozen=True, kw_only=True):
    """One kept run in a line.

    Attributes
    ----------
    name : str
        Of its folder.
    ended_at : datetime
        When it was kept, UTC.
    first, last : str
        ISO dates of its sessions.
    figures : dict of str to object
        Of the strategy over the whole span, as the report has them.
    pinned : bool
        Whether it is kept however many runs follow.
    """

    name: str
    ended_at: datetime
    strategy: str
    profile: str
    source: str
    seed: int
    first: str
    last: str
    config_digest: str
    verdict: str
    figures: dict[str, Any]
    pinned: bool


class BacktestRuns(Protocol):
    """The runs that were kept; safe from any thread.

    Attributes
    ----------
    kept_max : int or None
        How many that are not pinned are kept; None without a limit.
    """

    kept_max: int | None

    def newest(self, limit: int) -> Sequence[RunSummary]:
        """Return runs, the newest first; one that cannot be read is left out."""
        ...

    def run(self, name: str) -> bytes | None:
        """Return a run's whole content as JSON; None when there is none of that name."""
        ...

    def page(self, name: str) -> bytes | None:
        """Return a run as one HTML page; None when there is none."""
        ...

    def pin(self, name: str) -> bool:
        """Keep a run however many follow; return whether there is one of that name."""
        ...

    def unpin(self, name: str) -> bool:
        """Let a run go in its turn; return whether there is one of that name."""
        ...


class NoRuns:
    """Where no runs are kept."""

    kept_max: int | None = None

    def newest(self, limit: int) -> Sequence[RunSummary]:  # noqa: ARG002  nothing depends on it
        """Return nothing."""
        return ()

    def run(self, name: str) -> bytes | None:  # noqa: ARG002  nothing depends on it
        """Return nothing."""
        return None

    def page(self, name: str) -> bytes | None:  # noqa: ARG002  nothing depends on it
        """Return nothing."""
        return None

    def pin(self, name: str) -> bool:  # noqa: ARG002  nothing depends on it
        """Return that there is none."""
        return False

    def unpin(self, name: str) -> bool:  # noqa: ARG002  nothing depends on it
        """Return that there is none."""
        return False
