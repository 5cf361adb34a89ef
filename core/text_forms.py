"""What names, ids and days look like in a request or a setting, and how that is said to who wrote another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IDENTIFIER = r"^[0-9A-Za-z_.\-]{1,128}$"
PROFILE_NAME = "^[A-Za-z0-9_-]{1,64}$"
SHADOW_BOOK_NAME = r"^[a-z][a-z0-9_-]{0,39}$"
ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
CHALLENGE = r"^[0-9a-f]{32,128}$"
IN_WORDS: Mapping[str, str] = {
    IDENTIFIER: "1 to 128 letters, digits, dots, dashes or underscores",
    PROFILE_NAME: "1 to 64 letters, digits, dashes or underscores",
    SHADOW_BOOK_NAME: "a small letter, then up to 39 small letters, digits, dashes or underscores",
    ISO_DATE: "a date such as 2026-11-27",
    CHALLENGE: "32 to 128 of the digits 0 to 9 and a to f",
}
"""What each form asks for, by pattern."""


def said_of(fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, as pydantic found it: a form in words instead of its pattern.

    Parameters
    ----------
    fault : mapping
        One of a `ValidationError`'s `errors()`.
    """
    words = IN_WORDS.get(str(fault.get("ctx", {}).get("pattern", "")))
    return f"It should be {words}" if words else str(fault["msg"]).removeprefix("Value error, ")
