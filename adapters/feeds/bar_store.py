"""Bars on disk: one parquet file a source, replaced whole, so that a crash leaves the old one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Floats

COLUMNS = ("open", "high", "low", "close", "volume")
ASKED_FROM = b"asked_from"
SymbolBars = tuple[NDArray[np.datetime64], Floats]


@dataclass(slots=True)
class Held:
    """What is on disk.

    Attributes
    ----------
    bars : dict of str to (sessions, table)
        Per symbol its sessions, increasing, and its table of shape (n, 5).
    asked_from : dict of str to date
        Per symbol the first day ever asked for: an earlier start needs the whole history again.
    note : str
        What was wrong with the file, and what was done; empty when nothing was.
    """

    bars: dict[str, SymbolBars] = field(default_factory=dict)
    asked_from: dict[str, date] = field(default_factory=dict)
    note: str = ""


class BarStore:
    """Keeps bars in one file.

    Parameters
    ----------
    path : Path
        The parquet file; its folder is made when first written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._moved = ""

    def load(self) -> Held:
        """Read the file; a corrupt one is moved aside as `*.corrupt`, named until a new one is there."""
        # heavy: imported at first use
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if not self._path.exists():
            return Held(note=self._moved)
        try:
            return _read(pq.read_table(self._path))
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
            aside = self._path.with_name(f"{self._path.name}.corrupt")
            self._path.replace(aside)
            why = " ".join(str(error).split())[:120]
            self._moved = f"{self._path.name} was corrupt ({why}): moved to {aside.name}, bars fetched anew"
            return Held(note=self._moved)

    def save(self, held: Held) -> None:
        """Replace the file in one go."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use
        import pyarrow.parquet as pq  # noqa: PLC0415  # heavy: imported at first use

        names = sorted(held.bars)
        counts = [len(held.bars[name][0]) for name in names]
        tables = np.concatenate([held.bars[name][1] for name in names] or [np.empty((0, 5))])
        sessions = np.concatenate([held.bars[name][0] for name in names] or [np.empty(0, "datetime64[D]")])
        columns: dict[str, Any] = {"symbol": pa.array(np.repeat(names, counts).astype(str)), "session": sessions}
        columns.update({name: tables[:, index] for index, name in enumerate(COLUMNS)})
        since = {name: day.isoformat() for name, day in held.asked_from.items()}
        table = pa.table(columns).replace_schema_metadata({ASKED_FROM: json.dumps(since)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        pq.write_table(table, fresh)
        fresh.replace(self._path)


def _read(table: Any) -> Held:
    since: Mapping[str, str] = json.loads(table.schema.metadata[ASKED_FROM])
    symbols = table["symbol"].to_numpy(zero_copy_only=False).astype(str)
    sessions = table["session"].to_numpy().astype("datetime64[D]")
    values = np.column_stack([table[name].to_numpy() for name in COLUMNS]).astype(np.float64)
    names, first = np.unique(symbols, return_index=True)
    ends = [*first[1:], len(symbols)]
    bars = {str(name): (sessions[a:b], values[a:b]) for name, a, b in zip(names, first, ends, strict=True)}
    return Held(bars=bars, asked_from={name: date.fromisoformat(day) for name, day in since.items()})
