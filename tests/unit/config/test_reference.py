"""Every key of the settings stands in the reference, with what it means and what it may be."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from config.loader import key_paths
from config.meanings import GROUPS, MEANINGS
from config.reference import FILES, attribute_texts, setting_keys

KEYS = {f"{key.file}.{key.path}": key for key in setting_keys()}


@pytest.mark.parametrize("file", FILES)
def test_every_key_of_the_models_is_in_the_reference(file: str) -> None:
    paths = key_paths(FILES[file])
    leaves = [path for path in paths if not any(other.startswith(f"{path}.") for other in paths)]
    assert len(leaves) > 20
    assert [path for path in leaves if f"{file}.{path}" not in KEYS] == []


def test_every_key_says_what_it_means_and_what_it_may_be() -> None:
    assert [name for name, key in KEYS.items() if not key.meaning or not key.allowed] == []


def test_nothing_is_explained_that_there_is_not() -> None:
    assert [name for name in MEANINGS if name not in KEYS] == []
    assert [name for name in GROUPS if not any(key.startswith(name) for key in KEYS)] == []


def test_a_key_shows_bounds_unit_default_and_profiles() -> None:
    key = KEYS["risk.daily_limits.max_daily_loss_pct"]
    assert key.allowed == "number >= -1, <= 0 or null"
    assert key.unit == "a fraction: 0.02 is 2 %"
    assert key.default == -0.02
    assert KEYS["trading.scheduler.cron_decide.grace_seconds"].default == 300.0
    assert any(key.profiles for key in KEYS.values())


def test_secrets_have_no_value_in_it() -> None:
    assert KEYS["trading.notify.urls"].default == []
    assert KEYS["trading.heartbeat.url"].default is None


def test_attributes_are_read_from_a_docstring() -> None:
    class Planted(BaseModel):
        """A thing.

        Attributes
        ----------
        a, b : int
            Both of them,
            in two lines.
        c : float
            The third.
        """

    both = "Both of them, in two lines."
    assert attribute_texts(Planted.__doc__ or "") == {"a": both, "b": both, "c": "The third."}
