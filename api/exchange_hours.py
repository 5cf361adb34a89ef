"""Orders sent outside the exchange's hours say when they can fill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from api.schemas.decision import DecisionAnswer
from core.exchange_hours import closed_note
from core.orders import OrderStatus
from core.ports import Calendar

WAITING = {OrderStatus.RECORDED, OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED}


async def _note_at(request: Request) -> Callable[[datetime], str]:
    calendar: Calendar | None = getattr(request.app.state, "calendar", None)
    return partial(closed_note, calendar) if calendar else lambda _: ""


NoteAt = Annotated[Callable[[datetime], str], Depends(_note_at)]
"""What a person should know of orders that are sent at a moment; empty while the exchange trades."""


def with_note(decision: DecisionAnswer, note_at: Callable[[datetime], str]) -> DecisionAnswer:
    """Return a decision with the note, where one of its orders waits at a broker."""
    note = note_at(decision.as_of)
    if not note or not any(order.status in WAITING for order in decision.orders):
        return decision
    return decision.model_copy(update={"notes": [*decision.notes, note]})
