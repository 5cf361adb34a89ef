"""Who was heard in a session, and who abstained and why: the letter's lines of the agents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from core.letter import AgentDay
from core.types import StepReport

REASONS_MAX = 3


def agent_days(steps: Sequence[StepReport]) -> tuple[AgentDay, ...]:
    """Return a line for each agent that the decisions of a session heard or asked in vain, by name."""
    spoke: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for step in steps:
        if not step.cycle.kind.decides:
            continue
        spoke.update({vote.signal.agent for decision in step.plan.decisions for vote in decision.votes})
        for abstention in step.plan.analysis.abstentions:
            if abstention.symbol == "*":
                reasons[abstention.agent][abstention.reason] += 1
    return tuple(
        AgentDay(
            name=name,
            spoke=spoke[name],
            abstained=reasons[name].total(),
            reasons=tuple(reason for reason, _ in reasons[name].most_common(REASONS_MAX)),
        )
        for name in sorted({*spoke, *reasons})
    )
