"""A weight is for a registered agent; today's keys stay valid, and a mistyped one stops the start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from config.loader import FOLDER, load_trading
from core.errors import SettingsError
from tests.user_agents import RISERS, write


def folder(tmp_path: Path, **own: Any) -> Path:
    made = tmp_path / "config"
    shutil.copytree(FOLDER / "profiles", made / "profiles")
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, made)
    (made / "trading.json").write_text(json.dumps(own))
    return made


def test_the_weights_of_ours_are_what_they_were_and_a_partial_change_keeps_the_rest(tmp_path: Path) -> None:
    weights = load_trading(folder(tmp_path, **{"synthesizer.weights.quant": 0.5})).synthesizer.weights
    assert weights.model_dump() == {
        "market": 0.2, "quant": 0.5, "rl": 0.15, "sentiment": 0.1, "momentum": 0.15, "regime": 0.1,
    }  # fmt: skip


def test_a_users_agent_may_have_a_weight(tmp_path: Path) -> None:
    write(tmp_path / "user", "risers", RISERS)
    weights = load_trading(folder(tmp_path, **{"synthesizer.weights.risers": 0.25})).synthesizer.weights
    assert weights.model_dump()["risers"] == 0.25


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            {"synthesizer.weights.markt": 0.1},
            r"unknown key synthesizer\.weights\.markt; the nearest known name is market",
        ),
        ({"synthesizer.weights.risers": -1.0}, r"synthesizer\.weights\.risers: .*greater than or equal to 0"),
        ({"agents.quant.url": "http://127.0.0.1:1"}, r"agents\.quant has the name of an agent"),
        ({"agents.other.url": "ftp://127.0.0.1"}, r"agents\.other\.url"),
        ({"agents.other.url": "http://a", "agents.other.key": "k"}, r"unknown key agents\.other\.key"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(tmp_path: Path, own: dict[str, Any], message: str) -> None:
    write(tmp_path / "user", "risers", RISERS)
    with pytest.raises(SettingsError, match=message):
        load_trading(folder(tmp_path, **own))
