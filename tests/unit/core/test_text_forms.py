"""Forms of names and days are said in words, never as a pattern."""

from __future__ import annotations

import re

import pytest

from config.evidence import ShadowSettings
from config.loader import validate
from core.errors import SettingsError
from core.text_forms import IN_WORDS, said_of


def test_a_shadow_book_that_cannot_be_named_so_is_refused_in_words() -> None:
    with pytest.raises(SettingsError, match="a small letter, then up to 39 small letters") as refused:
        validate(ShadowSettings, {"profiles": ["My Book"]}, "trading.json")
    assert "pattern" not in str(refused.value)


@pytest.mark.parametrize("form", IN_WORDS)
def test_the_words_are_said_of_their_own_form(form: str) -> None:
    re.compile(form)
    fault = {"msg": f"String should match pattern '{form}'", "ctx": {"pattern": form}}
    assert said_of(fault) == f"It should be {IN_WORDS[form]}"
    assert said_of({"msg": "Value error, it is Sunday"}) == "it is Sunday"
