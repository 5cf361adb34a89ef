"""One key set in a person's own file: checked before it is written, whole when it is."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from config.edit import effective, find_key, layer_of, set_key, unset_key
from config.reference import value_at
from core.errors import SettingsError
from tests.servers.daemon import own_settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return own_settings(tmp_path)


def test_a_key_that_is_set_holds_and_the_rest_of_the_file_stays(folder: Path) -> None:
    before = json.loads((folder / "trading.json").read_text())
    key = find_key("synthesizer.buy_score_min", folder)
    written = set_key(key, 0.5, folder)
    assert value_at(effective(folder)["trading"], key.path) == 0.5
    assert layer_of(key, "runbook", folder) == "trading.json"
    after = json.loads(written.read_text())
    assert after.pop("synthesizer") == {"buy_score_min": 0.5}
    assert after == before
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("path", "value"),
    [("portfolio_limits.max_positions", "many"), ("portfolio_limits.max_positions", -1), ("profile", "nonesuch")],
)
def test_what_could_not_be_used_is_refused_and_nothing_written(path: str, value: object, folder: Path) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*.json")}
    with pytest.raises(SettingsError):
        set_key(find_key(path, folder), value, folder)
    assert {file: file.read_bytes() for file in folder.rglob("*.json")} == before


def test_a_key_that_is_taken_out_gives_way_to_the_default(folder: Path) -> None:
    key = find_key("risk.daily_limits.max_daily_trades", folder)
    set_key(key, 3, folder)
    assert value_at(effective(folder)["risk"], key.path) == 3
    unset_key(key, folder)
    assert value_at(effective(folder)["risk"], key.path) == key.default
    with pytest.raises(SettingsError, match="is not set"):
        unset_key(key, folder)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"portfolio_limits\.max_positions"):
        find_key("portfolio_limits.max_position")


def test_a_profile_is_named_as_the_layer(folder: Path) -> None:
    set_key(find_key("profile", folder), "diversified", folder)
    changed = find_key("synthesizer.allocation", folder)
    assert layer_of(changed, "diversified", folder) == "profile diversified"
