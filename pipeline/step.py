"""The decision, pure: a view and a book in, a plan out. No I/O, no clock, no randomness of its own.

It does not know whether it is live: the daemon and the backtest call the same function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from core.ids import decision_id
from core.ports import RiskManager, Team
from core.types import Cycle, Decision, MarketView, Plan, Portfolio, TradingState


def decide(
    view: MarketView,
    portfolio: Portfolio,
    team: Team,
    risk: RiskManager,
    state: TradingState,
    cycle: Cycle,
    config_digest: str,
) -> tuple[str, Plan]:
    """Hear the team, judge exits, size and check entries.

    Parameters
    ----------
    config_digest : str
        SHA-256 of the settings in force, for its name.

    Returns
    -------
    tuple of (str, Plan)
        The decision's id, derived from all that it was made from, and what it intends.
    """
    analysis = team.analyse(view, portfolio, cycle)
    seen, sealed = digest_of(portfolio), (view.digest(), config_digest)
    name = name_of(cycle, view.as_of, *sealed, book_digest=seen, state=state, models=analysis.models)
    book = risk.mark_to_market(view, portfolio, analysis, cycle)
    wanted = team.decide(analysis, book, cycle)
    forced = risk.exits(view, book, analysis, cycle)
    decisions = attach_memories(apply_forced_exits(wanted, forced), view)
    plan = risk.review(
        decision_id=name,
        decisions=decisions,
        view=view,
        portfolio=book,
        analysis=analysis,
        state=state,
        cycle=cycle,
    )
    explained = team.explain(view, analysis, [decision.symbol for decision in decisions])
    return name, replace(plan, analysis=explained, book_digest=seen, decided_in=state)


def digest_of(book: Portfolio) -> str:
    """Seal a book: SHA-256 of its JSON."""
    return hashlib.sha256(msgspec.json.encode(book)).hexdigest()


def name_of(
    cycle: Cycle,
    as_of: datetime,
    view_digest: str,
    config_digest: str,
    *,
    book_digest: str,
    state: TradingState,
    models: Mapping[str, str],
) -> str:
    """Name a decision after all that it is made from: the same inputs, the same name."""
    heard = repr(sorted(models.items()))
    seals = (view_digest, config_digest, book_digest, state.value, heard, _told(cycle))
    return decision_id(cycle=cycle.name, as_of=as_of, seals=seals)


@lru_cache(maxsize=64)
def _told(cycle: Cycle) -> str:
    return repr(cycle)


def apply_forced_exits(wanted: Sequence[Decision], forced: Sequence[Decision]) -> tuple[Decision, ...]:
    """Let an exit rule overrule the vote on the same symbol, which keeps its votes as the why."""
    by_symbol = {decision.symbol: decision for decision in wanted}
    for exit_ in forced:
        voted = by_symbol.get(exit_.symbol)
        if voted is not None:
            exit_ = replace(  # noqa: PLW2901  # the same exit, with the votes it overruled
                exit_, votes=voted.votes, reasons=(*exit_.reasons, *voted.reasons), p_win=voted.p_win
            )
        by_symbol[exit_.symbol] = exit_
    return tuple(by_symbol[symbol] for symbol in sorted(by_symbol))


def attach_memories(decisions: tuple[Decision, ...], view: MarketView) -> tuple[Decision, ...]:
    """Put what the view recalls beside the reasons: it explains, it has no vote."""
    if not view.memories:
        return decisions
    told: dict[str, list[str]] = {}
    for memory in view.memories:
        told.setdefault(memory.symbol, []).append(f"remembered: {memory.fact}")
    return tuple(
        replace(decision, reasons=(*decision.reasons, *told.get(decision.symbol, ()))) for decision in decisions
    )
