"""The jobs' last runs in one small file, so that a restart repeats none and misses none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from config.bounded_file import read_bounded
from core.errors import DataError
from core.plain_words import plain_reason
from core.schedule import LastRun

LOG = logging.getLogger(__name__)
BYTES_MAX = 1_000_000


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
            body = read_bounded(self._path, BYTES_MAX, DataError)
            return _aware(msgspec.json.decode(body, type=dict[str, LastRun]))
        except FileNotFoundError:
            return {}
        except (DataError, msgspec.MsgspecError, RecursionError, ValueError) as error:
            aside = self._path.with_suffix(".refused")
            message = "The jobs' last runs in %s cannot be read (%s); no run is caught up. Kept as %s."
            LOG.warning(message, self._path, plain_reason(error), aside)
            with suppress(OSError):  # then it is refused again at the next start
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
            LOG.warning(
                "The jobs' last runs cannot be written: %s. A restart may repeat one.", plain_reason(error)
            )


def _aware(runs: dict[str, LastRun]) -> dict[str, LastRun]:
    """Return the runs if each moment has its time zone: one without cannot be compared with the clock."""
    for name, run in runs.items():
        if any(at is not None and at.tzinfo is None for at in (run.due_at, run.run_at)):
            raise ValueError(f"{name} has a moment without a time zone")
    return runs
