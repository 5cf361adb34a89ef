"""A person's word before the first order with real money."""

from __future__ import annotations

from typing import Protocol


class Confirmation(Protocol):
    """What a person confirms by a code."""

    confirmed: bool

    def confirm(self, code: str) -> None:
        """Take a person's word; a RequestError with status 409 for another code."""
        ...
