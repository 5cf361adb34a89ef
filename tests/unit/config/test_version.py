"""The version stands once, in pyproject.toml; an old installation beside a newer checkout does not matter."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from config.version import DISTRIBUTION, PYPROJECT, engine_version

ROOT = Path(__file__).parents[3]


def test_a_checkout_says_what_its_pyproject_says() -> None:
    assert PYPROJECT == ROOT / "pyproject.toml"
    assert engine_version() == tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["version"]


def test_the_changelog_begins_with_it() -> None:
    sections = [
        line for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## ")
    ]
    released = [line for line in sections if not line.startswith("## Unreleased")]
    assert released[0].startswith(f"## {engine_version()} (")


@pytest.mark.parametrize("there", ["", '[project]\nname = "another"\nversion = "9.9"\n'])
def test_without_our_own_pyproject_the_installed_metadata_speaks(tmp_path: Path, there: str) -> None:
    if there:
        (tmp_path / "pyproject.toml").write_text(there)
    try:
        installed = version(DISTRIBUTION)
    except PackageNotFoundError:
        pytest.skip("the engine is not installed here")
    assert engine_version(tmp_path / "pyproject.toml") == installed
