"""Backup and restore of the places that an environment names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from adapters.backup import Places, read_backup, write_backup
from config.environment import read_environment
from config.loader import FOLDER
from daemon.wiring.wiring import hold


def backup(variables: Mapping[str, str], archive: Path, folder: Path = FOLDER) -> int:
    """Write an archive, the daemon running or not; return how many files are in it.

    Raises
    ------
    core.errors.EngineError
        When the settings cannot be used or the state cannot be copied.
    """
    return write_backup(_places(variables, folder), archive, datetime.now(UTC))


def restore(variables: Mapping[str, str], archive: Path, folder: Path = FOLDER) -> Path:
    """Put an archive's files in place; return where what was there before has gone.

    Raises
    ------
    core.errors.EngineError
        When the daemon runs, or the archive cannot be used; nothing is changed then.
    """
    places = _places(variables, folder)
    with hold(places.state):
        return read_backup(places, archive, datetime.now(UTC))


def _places(variables: Mapping[str, str], folder: Path) -> Places:
    environment = read_environment(variables)
    return Places(state=environment.state_dir, models=environment.artefact_dir, settings=folder)
