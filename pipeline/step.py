"""The decision, pure: a view and a portfolio in, a plan out. No I/O, no clock, no randomness of its own.

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
    requested: Sequence[Decision] = (),
) -> tuple[str, Plan]:
    """Ask the team for its analysis, apply the exit rules, size and check entries.

    Parameters
    ----------
    config_digest : str
        SHA-256 of the settings in force, for its name.
    requested : sequence of Decision
        Exits that a person asked for.

    Returns
    -------
    tuple of (str, Plan)
        The decision's id, derived from all that it was made from, and what it intends.
    """
    analysis = team.analyse(view, portfolio, cycle)
    found = fingerprint(portfolio)
    name = name_of(
        cycle,
        view.as_of,
        view.digest(),
        config_digest,
        portfolio_digest=found,
        state=state,
        models=analysis.models,
    )
    marked = risk.mark_to_market(view, portfolio, analysis, cycle)
    wanted = team.decide(analysis, marked, cycle)
    forced = risk.exits(view, marked, analysis, cycle)
    decisions = attach_memories(apply_forced_exits(wanted, (*forced, *requested)), view)
    plan = risk.review(
        decision_id=name,
        decisions=decisions,
        view=view,
        portfolio=marked,
        analysis=analysis,
        state=state,
        cycle=cycle,
    )
    explained = team.explain(view, analysis, [decision.symbol for decision in decisions])
    return name, replace(plan, analysis=explained, portfolio_digest=found, decided_in=state)


def fingerprint(portfolio: Portfolio) -> str:
    """Return the fingerprint of a portfolio: SHA-256 of its JSON."""
    return hashlib.sha256(msgspec.json.encode(portfolio)).hexdigest()


def name_of(
    cycle: Cycle,
    as_of: datetime,
    view_digest: str,
    config_digest: str,
    *,
    portfolio_digest: str,
    state: TradingState,
    models: Mapping[str, str],
) -> str:
    """Return a decision's id, derived from all that it is made from: the same inputs, the same id.

    Parameters
    ----------
    view_digest, config_digest, portfolio_digest : str
        SHA-256 of what was seen, of the settings in force and of the portfolio before the step.
    models : mapping of str to str
        Id of each model that was used, by agent.
    """
    used = repr(sorted(models.items()))
    fingerprints = (view_digest, config_digest, portfolio_digest, state.value, used, _recorded_form(cycle))
    return decision_id(cycle=cycle.name, as_of=as_of, fingerprints=fingerprints)


@lru_cache(maxsize=64)
def _recorded_form(cycle: Cycle) -> str:
    return cycle.recorded_form()


def apply_forced_exits(wanted: Sequence[Decision], forced: Sequence[Decision]) -> tuple[Decision, ...]:
    """Let an exit rule replace the vote on the same symbol; the decision keeps its votes as the reason."""
    by_symbol = {decision.symbol: decision for decision in wanted}
    for exit_ in forced:
        voted = by_symbol.get(exit_.symbol)
        if voted is not None:
            exit_ = replace(  # noqa: PLW2901  # the same exit, with the votes it replaced
                exit_, votes=voted.votes, reasons=(*exit_.reasons, *voted.reasons), p_win=voted.p_win
            )
        by_symbol[exit_.symbol] = exit_
    return tuple(by_symbol[symbol] for symbol in sorted(by_symbol))


def attach_memories(decisions: tuple[Decision, ...], view: MarketView) -> tuple[Decision, ...]:
    """Add the memories that the view recalls to each decision's reasons; they have no vote."""
    if not view.memories:
        return decisions
    recalled: dict[str, list[str]] = {}
    for memory in view.memories:
        recalled.setdefault(memory.symbol, []).append(f"remembered: {memory.fact}")
    return tuple(
        replace(decision, reasons=(*decision.reasons, *recalled.get(decision.symbol, ())))
        for decision in decisions
    )
