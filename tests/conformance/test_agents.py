"""Ours and the examples pass what an author of an agent runs, and what `new` writes passes its own test."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

import pytest

from cli.new import write_new
from core.errors import RequestError
from tests.conformance.agents import AgentConformance
from tests.conformance.strategies import StrategyConformance
from tests.servers.daemon import own_settings

ROOT = Path(__file__).parents[2]
HOME = Path(mkdtemp())


def setup_module() -> None:
    (HOME / "config").mkdir()
    own_settings(HOME / "config")
    (HOME / "user/agents").mkdir(parents=True)
    for name in ("momentum_12_1", "ridge_returns"):
        shutil.copy(ROOT / f"docs/examples/{name}.py", HOME / "user/agents")
    write_new("agent", "mine", HOME / "user")
    write_new("strategy", "ten_best", HOME / "user")


def teardown_module() -> None:
    shutil.rmtree(HOME)


class Own(AgentConformance):
    folder: ClassVar[Path] = HOME / "config"


class TestMomentum(Own):
    agent = "momentum_12_1"


class TestRidge(Own):
    agent = "ridge_returns"


class TestTemplate(Own):
    agent = "mine"


class TestMarket(Own):
    agent = "market"


class TestStrategyTemplate(StrategyConformance):
    strategy = "ten_best"
    folder = HOME / "config"


@pytest.mark.parametrize("name", ["Bad", "../up", "1st", "a" * 41, ""])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be the name"):
        write_new("agent", name, tmp_path)


@pytest.mark.parametrize("kind", ["agent", "strategy", "profile"])
def test_what_is_there_is_not_written_over(kind: str, tmp_path: Path) -> None:
    written = write_new(kind, "mine", tmp_path)
    assert all(path.exists() for path in written)
    with pytest.raises(RequestError, match="is there already"):
        write_new(kind, "mine", tmp_path)
