"""Recorded news from a parquet or CSV file, one row an item and ticker, for backtests and for trying things out.

Columns: `headline` (or `title`), `ticker` (or `symbols`, separated by commas or spaces), `published_at` (or
`date`), and if there `received_at`, `publisher`, `date_precision`. A time of exactly midnight UTC, or
`date_precision` "day", is a day without a time: such an item counts from the next session.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from adapters.news.dedup import HeadlineDeduplicator
from adapters.news.text import clean
from adapters.news.trading_day_cutoff import trading_day_cutoff
from core.errors import DataError
from core.plain_words import plain_reason
from core.ports import Calendar
from core.types import Headline

NAMES = {"text": ("headline", "title"), "symbols": ("ticker", "symbols"), "at": ("published_at", "date")}
OPTIONAL = ("received_at", "publisher", "date_precision")
SEPARATOR = re.compile(r"[,;\s|]+")


class NewsArchive:
    """Implements `core.ports.NewsSource` on one file; read once, at the first question.

    Attributes
    ----------
    dropped : mapping of str to int
        How many rows were left out, by reason.
    """

    name = "archive"

    def __init__(self, path: Path, calendar: Calendar) -> None:
        self._path = path
        self._calendar = calendar
        self._items: list[Headline] | None = None
        self._received: list[datetime] = []
        self.dropped: dict[str, int] = {}

    def load(self) -> None:
        """Read the file, unless that was done.

        Raises
        ------
        core.errors.DataError
            When it cannot be read or lacks a column.
        """
        if self._items is None:
            self._items = self._load()
            self._received = [item.received_at for item in self._items]

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        """Give the headlines of these symbols received from start to end inclusive, oldest first.

        Raises
        ------
        core.errors.DataError
            As `load`.
        """
        self.load()
        wanted = set(symbols)
        span = slice(bisect_left(self._received, start), bisect_right(self._received, end))
        return [item for item in (self._items or ())[span] if wanted.intersection(item.symbols)]

    def _load(self) -> list[Headline]:
        days: dict[date, tuple[datetime, datetime]] = {}
        read: list[Headline] = []
        for row in _rows(self._path):
            item = self._item(row, days)
            if isinstance(item, str):
                self.dropped[item] = self.dropped.get(item, 0) + 1
            else:
                read.append(item)
        read.sort(key=lambda item: (item.received_at, item.published_at, item.text, item.symbols))
        kept = HeadlineDeduplicator().without_repeats(read)
        self.dropped["repeated"] = len(read) - len(kept)
        return kept

    def _item(self, row: Mapping[str, Any], days: dict[date, tuple[datetime, datetime]]) -> Headline | str:
        text = clean(row["text"])
        if not text:
            return "no text that can be scored"
        symbols = tuple(dict.fromkeys(s for s in SEPARATOR.split(str(row["symbols"] or "").upper()) if s))
        at = _timestamp(row["at"])
        if at is None or not symbols:
            return "no time or no ticker"
        received = _timestamp(row.get("received_at"))
        if row.get("date_precision") == "day" or at.time() == time(0):
            day = at.date()
            if day not in days:
                days[day] = trading_day_cutoff(self._calendar, day)
            at, usable = days[day]
            received = max(usable, received or usable)
        publisher = clean(row.get("publisher"))
        return Headline(
            symbols=symbols, text=text, published_at=at, received_at=max(at, received or at), publisher=publisher
        )


def _timestamp(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(0))
    if not isinstance(value, datetime) or value.year < 1970:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _rows(path: Path) -> list[dict[str, Any]]:
    # heavy: imported at first use
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.csv as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pc.read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"The news archive {path} cannot be read: {plain_reason(error)}.", hint="Check sentiment.archive."
        ) from error
    columns = {name: name for name in OPTIONAL if name in table.column_names}
    for field, names in NAMES.items():
        found = next((name for name in names if name in table.column_names), None)
        if found is None:
            raise DataError(f"The news archive {path} has no column {' or '.join(names)}.")
        columns[field] = found
    rows: list[dict[str, Any]] = table.select(list(columns.values())).rename_columns(list(columns)).to_pylist()
    return rows
