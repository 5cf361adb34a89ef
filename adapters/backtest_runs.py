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
from core.backtest_runs import RunSummary
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
    """`core.backtest_runs.BacktestRuns` over a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, limit: int) -> Sequence[RunSummary]:
        """Return runs, the newest first; one that cannot be read is left out, with a warning."""
        dated: list[tuple[float, Path]] = []
        for path in self._folder.glob("*/summary.json"):
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

    def _summary(self, path: Path, at: float) -> RunSummary | None:
        try:
            written = msgspec.json.decode(read_bounded(path, SUMMARY_BYTES_MAX, DataError), type=_Written)
        except (OSError, DataError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            LOG.warning("The backtest in %s is left out: %s.", path.parent, plain_reason(error))
            return None
        ended_at = datetime.fromtimestamp(at, UTC)
        return RunSummary(name=path.parent.name, ended_at=ended_at, **msgspec.structs.asdict(written))

    def _read(self, name: str, file: str) -> bytes | None:
        if not NAME.fullmatch(name):
            return None
        try:
            return read_bounded(self._folder / name / file, RUN_BYTES_MAX, DataError)
        except FileNotFoundError:
            return None
