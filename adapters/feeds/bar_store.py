"""Bars on disk: one parquet file a source, replaced whole, so that a crash leaves the old one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from adapters.feeds.restatements import Restatement
from adapters.feeds.rows import DAY, SymbolBars, split_by_symbol
from core.plain_words import plain_reason
from core.types import CorporateAction

COLUMNS = ("open", "high", "low", "close", "volume")
ASKED_FROM = b"asked_from"
FIRST_DAY, LAST_DAY = np.datetime64("1900-01-01", "D"), np.datetime64("2099-12-31", "D")
CORPORATE_ACTIONS = b"corporate_actions"


class _Listed(msgspec.Struct, kw_only=True):
    """What the file keeps of corporate actions, as JSON in its metadata."""

    actions: dict[str, list[CorporateAction]] = msgspec.field(default_factory=dict)
    shown: set[str] = msgspec.field(default_factory=set)
    unexplained: dict[str, Restatement] = msgspec.field(default_factory=dict)


@dataclass(slots=True)
class StoredBars:
    """What is on disk.

    Attributes
    ----------
    bars : dict of str to SymbolBars
        Per symbol its rows, in order of the sessions and each once.
    asked_from : dict of str to date
        Per symbol the first day ever asked for: an earlier start needs the whole history again.
    actions : dict of str to list of CorporateAction
        Per symbol what the vendor lists, oldest first.
    shown : set of str
        Ids of the actions that the bars are restated for.
    unexplained : dict of str to Restatement
        Per symbol by what the vendor restated its past that nothing listed explains.
    note : str
        What was wrong with the file, and what was done; empty when nothing was.
    """

    bars: dict[str, SymbolBars] = field(default_factory=dict)
    asked_from: dict[str, date] = field(default_factory=dict)
    actions: dict[str, list[CorporateAction]] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    unexplained: dict[str, Restatement] = field(default_factory=dict)
    note: str = ""


class BarStore:
    """Keeps bars in one file.

    Parameters
    ----------
    path : Path
        The parquet file; its folder is made when first written.

    Attributes
    ----------
    fault : str
        What was wrong with the file and what was done, until a new one is there; empty when nothing was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fault = ""

    def load(self) -> StoredBars:
        """Read the file; a corrupt one is moved aside as `*.corrupt`, named until a new one is there."""
        # heavy: imported at first use
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if not os.path.lexists(self._path):
            return StoredBars(note=self.fault)
        try:
            if not self._path.is_file():  # a FIFO would be waited for without end
                raise ValueError("it is no regular file")
            return _read(pq.read_table(self._path))
        except (
            pa.ArrowException, msgspec.MsgspecError, OSError, LookupError, ValueError, TypeError, RecursionError
        ) as error:  # fmt: skip
            aside = self._path.with_name(f"{self._path.name}.corrupt")
            why = plain_reason(error)
            self.fault = f"{self._path.name} was corrupt ({why}): moved to {aside.name}, bars fetched anew"
            try:
                self._path.replace(aside)
            except OSError as stuck:
                self.fault = (
                    f"{self._path.name} is corrupt ({why}) and cannot be moved away: {plain_reason(stuck)}"
                )
            return StoredBars(note=self.fault)

    def save(self, stored: StoredBars) -> None:
        """Replace the file in one go."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use
        import pyarrow.parquet as pq  # noqa: PLC0415  # heavy: imported at first use

        names = sorted(stored.bars)
        counts = [len(stored.bars[name][0]) for name in names]
        tables = np.concatenate([stored.bars[name][1] for name in names] or [np.empty((0, 5))])
        sessions = np.concatenate([stored.bars[name][0] for name in names] or [np.empty(0, DAY)])
        columns: dict[str, Any] = {"symbol": pa.array(np.repeat(names, counts).astype(str)), "session": sessions}
        columns.update({name: tables[:, index] for index, name in enumerate(COLUMNS)})
        since = {name: day.isoformat() for name, day in stored.asked_from.items()}
        listed = _Listed(actions=stored.actions, shown=stored.shown, unexplained=stored.unexplained)
        metadata = {ASKED_FROM: json.dumps(since), CORPORATE_ACTIONS: msgspec.json.encode(listed)}
        table = pa.table(columns).replace_schema_metadata(metadata)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        pq.write_table(table, fresh)
        fresh.replace(self._path)
        self.fault = ""


def _read(table: Any) -> StoredBars:
    since = json.loads(table.schema.metadata[ASKED_FROM])
    if not isinstance(since, dict):
        raise TypeError("its metadata is no object")
    if any(table[name].null_count for name in ("symbol", "session")):
        raise ValueError("a row without symbol or session")
    symbols = table["symbol"].to_numpy(zero_copy_only=False).astype(str)
    values = np.column_stack([table[name].to_numpy() for name in COLUMNS]).astype(np.float64)
    bars = split_by_symbol(symbols, table["session"].to_numpy().astype(DAY), values)
    for name, (sessions, _) in bars.items():
        if (np.diff(sessions) <= np.timedelta64(0, "D")).any():
            raise ValueError(f"the sessions of {name} are not in order, each once")
        if not FIRST_DAY <= sessions[0] <= sessions[-1] <= LAST_DAY:
            raise ValueError(f"the sessions of {name} reach from {sessions[0]} to {sessions[-1]}")
    body = table.schema.metadata.get(CORPORATE_ACTIONS)
    listed = msgspec.json.decode(body, type=_Listed) if body else _Listed()
    return StoredBars(
        bars=bars,
        asked_from={name: date.fromisoformat(day) for name, day in since.items()},
        actions=listed.actions,
        shown=listed.shown,
        unexplained=listed.unexplained,
    )
