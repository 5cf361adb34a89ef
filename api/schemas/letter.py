"""The letter as JSON: the letter's own fields."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import ResponseSchema


class LettersAnswer(ResponseSchema):
    """Which letters there are."""

    sessions: list[str] = Field(description="ISO dates, newest first; GET /letter/DATE gives each.")


class LetterAnswer(ResponseSchema):
    """The letter of a session; its fields are those of `core.letter.Letter`. Money is US dollars."""

    model_config = ConfigDict(extra="allow")

    session: str
    text: str = Field(description="The letter in a few lines, for a message.")
    written_at: str
    profile: str
    route: str
    state: str
    equity: float
    return_day: float | None
    steps: int
    proven_steps: int
    fills: list[dict[str, Any]]
    costs_day: dict[str, Any]
    costs_to_date: dict[str, Any]
    tracking: dict[str, Any]
    shadow_books: list[dict[str, Any]]
    held: list[dict[str, Any]]
    tomorrow: list[dict[str, Any]]
    missed: list[str]
    agents: list[dict[str, Any]] = Field([], description="How often each was heard, or abstained and why.")
