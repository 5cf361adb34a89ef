"""What is known by now: the scoreboard of books and agents, and each session's letter."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from api.dependencies import Nothing, ServiceDependency, StrictRoute
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.letter import LetterAnswer, LettersAnswer
from api.schemas.scoreboard import ScoreboardAnswer
from core.errors import RequestError
from core.letter import Letter, LetterQueries
from core.scoreboard import EvidenceQueries
from core.text_forms import ISO_DATE

router = APIRouter(tags=["evidence"], route_class=StrictRoute)
Session = Annotated[str, Path(pattern=ISO_DATE, description="A session, ISO date.")]


async def _evidence(request: Request) -> EvidenceQueries:
    evidence: EvidenceQueries = request.app.state.evidence
    return evidence


async def _letters(request: Request) -> LetterQueries:
    letters: LetterQueries | None = request.app.state.letters
    if letters is None:
        raise RequestError("No letters are written here.", hint="Start the daemon as a whole.", status=404)
    return letters


Evidence = Annotated[EvidenceQueries, Depends(_evidence)]
Letters = Annotated[LetterQueries, Depends(_letters)]


@router.get("/scoreboard", responses=problems(503))
def scoreboard(service: ServiceDependency, evidence: Evidence) -> ScoreboardAnswer:
    """Give each book and agent with its return, excess and evidence over the yardstick; off the event loop."""
    return ScoreboardAnswer.of(evidence.scoreboard(), data=Data.of_now(service))


@router.get("/letters", responses=problems(404))
def list_letters(letters: Letters) -> LettersAnswer:
    """Say which sessions have a letter, newest first."""
    return LettersAnswer(sessions=list(letters.sessions()))


@router.get("/letter", responses=problems(404))
def newest_letter(letters: Letters) -> LetterAnswer:
    """Give the newest letter."""
    return _answer(letters, _found(letters, ""))


@router.post("/letter", responses=problems(409, 422, 503))
def write_letter(letters: Letters, asked: Nothing) -> LetterAnswer:
    """Write the letter of the last session that began, now; after each close it is written by itself."""
    del asked
    return _answer(letters, letters.write_letter())


@router.get("/letter/{session}", responses=problems(404, 422))
def letter(letters: Letters, session: Session) -> LetterAnswer:
    """Give the letter of a session."""
    return _answer(letters, _found(letters, session))


@router.get("/letter/{session}/page", response_class=HTMLResponse, responses=problems(404, 422))
def letter_page(letters: Letters, session: Session) -> HTMLResponse:
    """Give the letter of a session as one HTML page without any outside file."""
    return HTMLResponse(letters.page(_found(letters, session)))


def _found(letters: LetterQueries, session: str) -> Letter:
    found = letters.letter(session)
    if found is None:
        what = f"There is no letter of {session}." if session else "No letter has been written yet."
        raise RequestError(what, hint="POST /letter writes that of the last session.", status=404)
    return found


def _answer(letters: LetterQueries, letter: Letter) -> LetterAnswer:
    return LetterAnswer.model_validate({**msgspec.to_builtins(letter), "text": letters.text(letter)})
