"""What is known by now: the scoreboard of books and agents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.dependencies import ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.scoreboard import ScoreboardAnswer
from core.scoreboard import EvidenceQueries

router = APIRouter(tags=["evidence"])


async def _evidence(request: Request) -> EvidenceQueries:
    evidence: EvidenceQueries = request.app.state.evidence
    return evidence


Evidence = Annotated[EvidenceQueries, Depends(_evidence)]


@router.get("/scoreboard", responses=problems(503))
def scoreboard(service: ServiceDependency, evidence: Evidence) -> ScoreboardAnswer:
    """Give each book and agent with its return, excess and evidence over the yardstick; off the event loop."""
    return ScoreboardAnswer.of(evidence.scoreboard(), data=Data.of_now(service))
