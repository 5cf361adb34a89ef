"""`shadow`, `votes`, `evidence` in `config/trading*.json`: what runs beside the account, what it can earn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.frozen import Fraction, Frozen
from core.text_forms import SHADOW_BOOK_NAME

VoteWeights = Literal["runbook", "earned"]


class ShadowSettings(Frozen):
    """The books that run beside the account, each with a broker, a ledger and limits of its own.

    Attributes
    ----------
    profiles : tuple of str
        Profiles by name, and `spy` (SPY, bought once and held) and `cash`. Empty for none. `baseline` is the
        yardstick: without it nothing is judged.
    without_agents : bool
        Whether each agent that votes also gets a book of the account's profile without its vote.
    resume_after_sessions : int
        How long a breaker that tripped in a shadow book stands: nobody is there to resume it.
    """

    profiles: tuple[Annotated[str, Field(pattern=SHADOW_BOOK_NAME)], ...] = (
        "runbook",
        "diversified",
        "baseline",
        "spy",
        "cash",
    )
    without_agents: bool = True
    resume_after_sessions: Annotated[int, Field(ge=0)] = 5


class EvidenceSettings(Frozen):
    """What the `evidence` profile lets challengers have of the baseline's capital.

    Attributes
    ----------
    challengers : tuple of str
        Shadow books that may earn capital.
    seed_pct : float
        Share of the capital each challenger starts with and lives on; 0 is shadow only.
    granted_max_pct : float
        All that challengers may hold beyond their seeds, as a share of the capital counted in the baseline's
        units: whatever they do with it, the rest of the book is the baseline.
    """

    challengers: tuple[str, ...] = ("runbook", "diversified")
    seed_pct: Fraction = 0.0
    granted_max_pct: Fraction = 0.30
