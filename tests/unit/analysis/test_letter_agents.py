"""Each agent's line: in how many decisions it was heard, in how many it said nothing at all, and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.letter_agents import agent_days
from core.cycles import DECIDE_AND_SEND, RISK_CHECK
from core.trading import Vote
from core.types import Abstention, Signal, StepReport
from tests.small_engine import enter, small_engine

SAID = st.lists(st.sampled_from(["spoke", "late", "broken", "absent"]), max_size=12)


def decided(said: str) -> StepReport:
    small = small_engine()
    small.team.decisions = (enter("AAPL", 0.9),)
    report = small.engine.step(DECIDE_AND_SEND)
    plan = report.plan
    if said == "spoke":
        vote = Vote(
            signal=Signal(agent="oracle", symbol="AAPL", score=0.5, confidence=1.0, reason=""), weight=0.1
        )
        decisions = tuple(replace(one, votes=(*one.votes, vote)) for one in plan.decisions)
        return replace(report, plan=replace(plan, decisions=decisions))
    if said == "absent":
        return report
    analysis = replace(plan.analysis, abstentions=(Abstention(agent="oracle", reason=said),))
    return replace(report, plan=replace(plan, analysis=analysis))


REPORTS = {said: decided(said) for said in ("spoke", "late", "broken", "absent")}


@given(SAID)
def test_the_counts_are_those_of_the_decisions_and_reasons_come_most_frequent_first(said: list[str]) -> None:
    found = {day.name: day for day in agent_days([REPORTS[one] for one in said])}
    spoke, late, broken = (said.count(what) for what in ("spoke", "late", "broken"))
    if not spoke + late + broken:
        assert "oracle" not in found
        return
    day = found["oracle"]
    assert (day.spoke, day.abstained) == (spoke, late + broken)
    assert {*day.reasons} == {what for what in ("late", "broken") if what in said}
    if late > broken > 0 or broken > late > 0:
        assert day.reasons[0] == ("late" if late > broken else "broken")


def test_a_check_that_decides_nothing_is_not_counted() -> None:
    assert agent_days([replace(REPORTS["late"], cycle=RISK_CHECK)]) == ()
