"""Every form that a request asks for is said in words; nobody is answered with a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from core.text_forms import IN_WORDS, ISO_DATE


def patterns_in(schema: Any) -> Iterator[str]:
    """Return each pattern of a JSON schema, wherever it stands."""
    if isinstance(schema, dict):
        yield from [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        for value in schema.values():
            yield from patterns_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns_in(value)


def test_every_pattern_of_the_interface_has_words(client: httpx.Client) -> None:
    asked = {
        one for one in patterns_in(client.get("/openapi.json").json()) if "(?!" not in one
    }  # pydantic's numbers
    assert ISO_DATE in asked
    assert not asked - set(IN_WORDS)


def test_a_day_that_is_none_is_answered_in_words(client: httpx.Client) -> None:
    for path in ("/letter/yesterday", "/letter/2026-1-5/page"):
        answer = client.get(path)
        assert answer.status_code == 422
        assert answer.json()["detail"] == "session: It should be a date such as 2026-11-27."
