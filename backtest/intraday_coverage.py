"""What of a backtest was checked on five-minute bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayCoverage:
    """The sessions and tickers whose risk check ran on five-minute bars; all others had daily brackets.

    Attributes
    ----------
    file : str
        Name of the file the bars came from.
    checks : int
        Steps taken within the days.
    tickers : mapping of str to int
        In how many sessions each was checked on them.
    sessions : tuple of str
        ISO dates.
    """

    file: str
    checks: int
    tickers: Mapping[str, int]
    sessions: tuple[str, ...]

    @property
    def description(self) -> str:
        """The same in a sentence."""
        if not self.sessions:
            return f"The 5-minute bars of {self.file} have no session of this span: stops and targets are daily."
        return (
            f"The risk check walked the 5-minute bars of {', '.join(self.tickers)} in {len(self.sessions)} "
            f"sessions from {self.sessions[0]} to {self.sessions[-1]} ({self.file}, {self.checks:,} checks); "
            "elsewhere stops and targets were held against the daily bar, the stop first."
        )
