"""What a source knows of corporate actions, and what is doubtful about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from core.types import CorporateAction


class Doubt(NamedTuple):
    """Why nobody knows in which shares a symbol's prices are, and since which session."""

    since: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTable:
    """The corporate actions of a source's symbols.

    Attributes
    ----------
    known : tuple of CorporateAction
        Past ones and those that take effect today, as the vendor lists them.
    doubts : mapping of str to Doubt
        Symbols whose listed splits and restated history contradict each other.
    outdated : frozenset of str
        Symbols whose bars are from before an action that became known since: to be fetched anew.
    """

    known: tuple[CorporateAction, ...] = ()
    doubts: Mapping[str, Doubt] = field(default_factory=dict)
    outdated: frozenset[str] = frozenset()


NO_ACTIONS = ActionTable()
"""Of a source that lists none: recorded and simulated bars are total return, and Alpaca books its own."""
