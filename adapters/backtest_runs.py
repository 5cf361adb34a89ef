"""Kept backtests in a folder, as `backtest.app.run_folder` writes them."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from config.bounded_file import read_bounded
from core.backtest_runs import PINNED, SUMMARY, RunSummary
from core.errors import DataError
from core.plain_words import plain_reason

LOG = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
SUMMARY_BYTES_MAX, RUN_BYTES_MAX = 100_000, 100_000_000


class _Written(msgspec.Struct):
    """`summary.json`."""

    strategy: str
    profile: str
    source: str
    seed: int
    first: str
    last: str
    config_digest: str
    verdict: str
    figures: dict[str, float | int | None]


class FileBacktestRuns:
    """`core.backtest_runs.BacktestRuns` over a folder of runs.

    Parameters
    ----------
    kept_max : int or None
        How many that are not pinned are kept; None without a limit.
    """

    def __init__(self, folder: Path, kept_max: int | None = None) -> None:
        self._folder = folder
        self.kept_max = kept_max

    def newest(self, limit: int) -> Sequence[RunSummary]:
        """Return runs, the newest first; one that cannot be read is left out, with a warning."""
        dated: list[tuple[float, Path]] = []
        for path in self._folder.glob(f"*/{SUMMARY}"):
            with suppress(OSError):  # somebody deletes it now
                dated.append((path.stat().st_mtime, path))
        found = (self._summary(path, at) for at, path in sorted(dated, reverse=True)[:limit])
        return tuple(one for one in found if one is not None)

    def run(self, name: str) -> bytes | None:
        """Return a run's whole content as JSON."""
        return self._read(name, "run.json")

    def page(self, name: str) -> bytes | None:
        """Return a run as one HTML page."""
        return self._read(name, "report.html")

    def pin(self, name: str) -> bool:
        """Keep a run however many follow; return whether there is one of that name."""
        if not self._has(name):
            return False
        (self._folder / name / PINNED).touch()
        return True

    def unpin(self, name: str) -> bool:
        """Let a run go in its turn; return whether there is one of that name."""
        if not self._has(name):
            return False
        (self._folder / name / PINNED).unlink(missing_ok=True)
        return True

    def _has(self, name: str) -> bool:
        return bool(NAME.fullmatch(name)) and (self._folder / name / SUMMARY).is_file()

    def _summary(self, path: Path, at: float) -> RunSummary | None:
        try:
            written = msgspec.json.decode(read_bounded(path, SUMMARY_BYTES_MAX, DataError), type=_Written)
        except (OSError, DataError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            LOG.warning("The backtest in %s is left out: %s.", path.parent, plain_reason(error))
            return None
        ended_at, pinned = datetime.fromtimestamp(at, UTC), (path.parent / PINNED).exists()
        return RunSummary(
            name=path.parent.name, ended_at=ended_at, pinned=pinned, **msgspec.structs.asdict(written)
        )

    def _read(self, name: str, file: str) -> bytes | None:
        if not NAME.fullmatch(name):
            return None
        try:
            return read_bounded(self._folder / name / file, RUN_BYTES_MAX, DataError)
        except FileNotFoundError:
            return None
