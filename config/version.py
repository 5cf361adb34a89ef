"""The engine's version: written once, in pyproject.toml."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
DISTRIBUTION = "trading-engine"


def engine_version(pyproject: Path = PYPROJECT) -> str:
    """Return the version of the code that runs.

    A checkout's own pyproject.toml is asked first: an editable installation's metadata keeps the version of the
    day it was installed. An installed wheel has no such file and knows its version from its metadata.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        When there is neither: not a checkout, and not installed.
    """
    if pyproject.is_file():
        project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
        if project["name"] == DISTRIBUTION:
            return str(project["version"])
    return version(DISTRIBUTION)
