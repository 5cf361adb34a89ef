"""The jobs' last runs in one small file, so that a restart repeats none and misses none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from core.schedule import LastRun

LOG = logging.getLogger(__name__)


class FileRunStore:
    """`core.schedule.RunStore` in a JSON file, replaced whole at each write.

    It outlives a kill of the process. After a power cut the last write may be gone; then a job that is due
    runs again, which the ledger and the broker's ids make harmless.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, LastRun]:
        """Give each job's last run; a damaged file is kept beside and begun anew, with a warning."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, LastRun])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            aside = self._path.with_suffix(".refused")
            LOG.warning("The jobs' last runs cannot be read (%s); no run is caught up. Kept as %s.", error, aside)
            self._path.replace(aside)
            return {}

    def save(self, runs: Mapping[str, LastRun]) -> None:
        """Write them down; a disk that is full costs the memory of a restart, not the run."""
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(dict(runs)))
            draft.replace(self._path)
        except OSError as error:
            LOG.warning("The jobs' last runs cannot be written: %s. A restart may repeat one.", error)
