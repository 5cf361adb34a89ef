"""Typed structs to bytes and back: msgpack for models, JSON for registries and cards; checked while decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from core.errors import ArtefactError
from core.plain_words import plain_reason

T = TypeVar("T")
BROKEN = (msgspec.DecodeError, RecursionError, ValueError, OverflowError)


def decode_checked(decode: Callable[[bytes], T], body: bytes, what: str, hint: str) -> T:
    """Decode a typed struct.

    Parameters
    ----------
    decode : callable
        A msgspec decoder's `decode`.
    what : str
        Names the file in a refusal.

    Raises
    ------
    ArtefactError
        When a field is missing, unknown, ill-typed or out of its bounds, or the bytes are something else.
    """
    try:
        return decode(body)
    except BROKEN as error:
        raise ArtefactError(f"{what} cannot be read: {plain_reason(error)}.", hint=hint) from error
