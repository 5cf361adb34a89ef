"""The scoreboard as JSON."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import Data, ResponseSchema, example


class EvidenceAnswer(ResponseSchema):
    """What is known of a book or an agent; valid however often one looks."""

    sessions: int = Field(description="Sessions that taught something.")
    e_value: float = Field(description="Evidence for an edge; 1 is none, from `shown_min` up it is shown.")
    e_value_worse: float = Field(description="Evidence against it, the same way.")
    state: str = Field(description="`shown`, `shown to be worse` or `not known`.")


class ShadowBookAnswer(ResponseSchema):
    """A book; null where there is nothing to say yet. Ratios and returns a year unless said otherwise."""

    name: str = Field(description="`account` is the real one; the others are shadow books.")
    sessions: int
    return_last: float | None = Field(description="Of the last session, a fraction.")
    return_total: float | None
    sharpe: float | None = Field(description="Over a riskless rate of 0: cash in these books earns nothing.")
    sharpe_low: float | None = Field(description="Lower end of the 95 % interval, as the others of this name.")
    sharpe_high: float | None
    excess: float | None = Field(description="Mean return over the yardstick's.")
    excess_low: float | None
    excess_high: float | None
    drawdown_max: float | None
    sessions_left: int | None = Field(
        description="Sessions like these until one look at 95 % would tell the excess from 0, an estimate; null "
        "where there is no excess. What is known is the evidence."
    )
    evidence: EvidenceAnswer | None = Field(description="Null for the yardstick.")


class AgentScoreAnswer(ResponseSchema):
    """An agent: what it said against what came, long what it ranked high, short what it ranked low."""

    name: str
    weight: float = Field(description="Of its vote in the settings.")
    counts: bool = Field(description="Whether that weight counts now.")
    excess: float | None
    excess_low: float | None
    excess_high: float | None
    evidence: EvidenceAnswer


class ScoreboardAnswer(ResponseSchema):
    """Every book and every agent after the last session that was closed."""

    model_config = example(
        session="2025-06-27", yardstick="baseline", shown_min=20.0, votes="runbook", notes=[], agents=[],
        shadow_books=[],
    )  # fmt: skip

    session: str = Field(description="ISO date; empty before the first close.")
    yardstick: str = Field(description="The book that the others are judged by.")
    shown_min: float = Field(description="Evidence from which a claim counts as shown.")
    votes: str = Field(description="`earned`: a weight counts only once the agent's edge is shown.")
    shadow_books: list[ShadowBookAnswer]
    agents: list[AgentScoreAnswer]
    notes: list[str] = Field(description="What is missing, and what being shown is worth among many.")
    data: Data
