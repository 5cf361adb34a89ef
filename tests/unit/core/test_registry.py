from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from core.registry import Registry, nearest_name

NAMES = st.text("abcdefghij", min_size=1, max_size=8)


def feeds(*names: str) -> Registry[str]:
    registry: Registry[str] = Registry("feed")
    for name in names:
        registry.register(name, name.upper())
    return registry


@settings(deadline=None)  # the first mistake imports rapidfuzz
@given(st.lists(NAMES, unique=True, max_size=8), NAMES)
def test_a_name_is_found_if_and_only_if_it_was_registered(names: list[str], asked: str) -> None:
    registry = feeds(*names)
    assert registry.names == tuple(sorted(names))
    if asked in names:
        assert registry.find(asked) == asked.upper()
    else:
        with pytest.raises(SettingsError, match=f"no feed named '{asked}'"):
            registry.find(asked)


@pytest.mark.parametrize(
    ("typed", "meant"), [("yfinanse", "yfinance"), ("ALPACA", "alpaca"), ("parket", "parquet")]
)
def test_an_unknown_name_is_answered_with_the_nearest_known_one_and_all(typed: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        feeds("yfinance", "alpaca", "parquet").find(typed)
    assert f"the nearest known name is {meant}" in caught.value.message
    assert caught.value.hint == "Use one of alpaca, parquet, yfinance."


def test_an_empty_registry_says_that_there_is_nothing() -> None:
    with pytest.raises(SettingsError, match=r"no feed named 'x'\. No feed is registered"):
        feeds().find("x")
    assert nearest_name("x", ()) == ""


def test_a_name_is_taken_once_and_the_first_registration_stays() -> None:
    registry = feeds("alpaca")
    with pytest.raises(SettingsError, match="feed alpaca is registered already"):
        registry.register("alpaca", "another")
    assert registry.find("alpaca") == "ALPACA"


def test_a_registration_without_a_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="without a name"):
        feeds().register("  ", "entry")
