"""Notifications: what a person is told of the engine, in plain words, one for each cause."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

_FIGURES = re.compile(r"\d[\d.,:]*")


class NotificationLevel(IntEnum):
    """How urgent a notification is.

    INFO needs nobody; WARNING wants to be looked at the same day; CRITICAL means that trading stopped or a
    position is unprotected, and is delivered in quiet hours too.
    """

    INFO = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing a person is told.

    Attributes
    ----------
    key : str
        Unique for ever: the same key is told once, however often it is handed in.
    text : str
        What happened, what it means for the money, what to do next.
    subject : str
        A few words for the title.
    cause : str
        What is the matter, without the words around it. Within a time the same cause is told once, and a message
        that holds another's cause stands for both; empty for what is told each time (a fill).
    """

    key: str
    at: datetime
    level: NotificationLevel
    subject: str
    text: str
    cause: str = ""

    @property
    def cause_key(self) -> str:
        """The cause without its figures: a fault that counts up is still one fault."""
        return _FIGURES.sub("#", self.cause).strip().casefold()
