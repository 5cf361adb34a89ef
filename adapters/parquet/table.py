"""Columns of a recorded file as arrays: dates in any form with one reading; what has none is named by its row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.rows import DAY
from adapters.parquet.dates import (
    FIRST_DAY,
    LAST_DAY,
    days_of_numbers,
    first_row,
    moments_of_numbers,
    moments_of_texts,
)
from core.errors import DataError
from core.plain_words import plain_reason
from core.types import Floats

DATES = "a date, text in ISO 8601, 20240102, or seconds, milli-, micro- or nanoseconds since 1970"
MOMENTS = "a timestamp, text in ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970"


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTable:
    """Columns of one parquet file; each reading of one raises a DataError with file, column, type and row.

    Rows are counted from 0, as pandas does.

    Attributes
    ----------
    table : pyarrow.Table
    """

    path: Path
    table: Any

    def texts(self, name: str) -> NDArray[np.str_]:
        """Read words (tickers), spaces around them left out; each row must have one."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        with self._named(name):
            column = self._complete(name)
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                raise self._refused(name, 0, column, "is needed as text")
            return np.char.strip(np.asarray(column.to_pylist(), dtype=np.str_))

    def numbers(self, name: str) -> Floats:
        """Read numbers, also written as text; NaN where there is none."""
        with self._named(name):
            return self._numbers(name)

    def _numbers(self, name: str) -> Floats:
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        column, kinds = self._column(name), pa.types
        if kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_decimal(column.type):
            return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        if not (kinds.is_string(column.type) or kinds.is_large_string(column.type)):
            raise self._refused(name, 0, column, "is needed as numbers")
        try:
            return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        except pa.ArrowInvalid as error:
            row = next(
                row for row, one in enumerate(column.to_pylist()) if one is not None and not _is_number(one)
            )
            raise self._refused(name, row, column, "is needed as numbers") from error

    def dates(self, name: str) -> NDArray[np.datetime64]:
        """Read dates, datetime64[D], shape (rows,); of a moment with a time zone, the date there.

        Integers are dates as 20240102 or time since 1970 by their size, if all of the column are of one kind.
        """
        with self._named(name):
            return self._dates(name)

    def _dates(self, name: str) -> NDArray[np.datetime64]:
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use
        import pyarrow.compute as pc  # noqa: PLC0415  # the same

        column = self._complete(name)
        if pa.types.is_date(column.type):
            days = column.to_numpy().astype(DAY)
        elif pa.types.is_timestamp(column.type):
            local = pc.local_timestamp(column) if column.type.tz else column
            days = local.to_numpy().astype(DAY)
        elif (numbers := self._whole_numbers(name, column)) is not None:
            days, row = days_of_numbers(numbers)
            self._check(name, column, row, DATES)
        else:
            days = self._written_moments(name, column, DATES, keep_zone=True).astype(DAY)
        days = np.asarray(days, dtype=DAY)
        out = (days < np.datetime64(FIRST_DAY, "D")) | (days > np.datetime64(LAST_DAY, "D"))
        self._check(name, column, first_row(out), f"must be from {FIRST_DAY} to {LAST_DAY}")
        return np.asarray(days)

    def moments(self, name: str) -> NDArray[np.datetime64]:
        """Read moments, datetime64[us] in UTC, shape (rows,); without a time zone they are UTC."""
        with self._named(name):
            return self._moments(name)

    def _moments(self, name: str) -> NDArray[np.datetime64]:
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        column = self._complete(name)
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            return np.asarray(column.to_numpy().astype("datetime64[us]"))
        if (numbers := self._whole_numbers(name, column)) is not None:
            moments, row = moments_of_numbers(numbers)
            self._check(name, column, row, MOMENTS)
            return moments
        return self._written_moments(name, column, MOMENTS, keep_zone=False)

    def _column(self, name: str) -> Any:
        """Return a column; categories become the values that they stand for."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        column = self.table[name]
        return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column

    def _complete(self, name: str) -> Any:
        """Return a column that has a value in each row."""
        column = self._column(name)
        missing = np.asarray(column.is_null(nan_is_null=True).to_numpy(), dtype=bool)
        if missing.any():
            raise DataError(
                f"{self.path}: column {name}, of type {column.type}, has no value in row {first_row(missing)} "
                f"({missing.sum()} such rows of {len(missing)}).",
                hint="Leave these rows out of the file, or fill them.",
            )
        return column

    def _whole_numbers(self, name: str, column: Any) -> NDArray[np.int64] | None:
        """Return whole numbers; None when the column is of no numbers."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return None
        values = column.to_numpy()
        if pa.types.is_floating(column.type):
            self._check(
                name, column, first_row(~(np.abs(values) < 2.0**63) | (values != np.floor(values))), DATES
            )
        return np.asarray(values.astype(np.int64))

    def _written_moments(self, name: str, column: Any, needed: str, *, keep_zone: bool) -> NDArray[np.datetime64]:
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise self._refused(name, 0, column, f"is needed as {needed}")
        moments, row = moments_of_texts(column.to_pylist(), keep_zone=keep_zone)
        self._check(name, column, row, needed)
        return moments

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Name the column whose content cannot be decoded: an unknown time zone, text that is no UTF-8."""
        import pyarrow as pa  # noqa: PLC0415  # heavy: imported at first use

        try:
            yield
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            kind = self.table[name].type
            raise DataError(
                f"{self.path}: column {name}, of type {kind}, cannot be read: {plain_reason(error)}."
            ) from error

    def _check(self, name: str, column: Any, row: int | None, needed: str) -> None:
        if row is not None:
            raise self._refused(name, row, column, f"is needed as {needed}")

    def _refused(self, name: str, row: int, column: Any, why: str) -> DataError:
        found = f"row {row} has {column[row].as_py()!r:.60}" if len(column) else "it has no rows"
        return DataError(f"{self.path}: column {name} is of type {column.type}, {found}, and {why}.")


def read_columns(path: Path, columns: Sequence[str], hint: str, *, optional: Sequence[str] = ()) -> RecordedTable:
    """Read columns of a parquet file.

    Parameters
    ----------
    hint : str
        What to do when it cannot be read.
    optional : sequence of str
        Columns read where the file has them.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read, or lacks a column or has it twice.
    """
    # heavy: imported at first use
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        names = pq.read_schema(path).names
        missing = [name for name in columns if name not in names]
        if missing:
            raise DataError(
                f"{path} has no column {', '.join(missing)}; it has {', '.join(names)!s:.200}.",
                hint=f"It needs {', '.join(columns)}, one row a bar.",
            )
        if twice := [name for name in columns if names.count(name) > 1]:
            raise DataError(f"{path} has the column {', '.join(twice)} twice.", hint="Write each column once.")
        read = [*columns, *(name for name in optional if name in names)]
        return RecordedTable(path, pq.read_table(path, columns=read))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet: {plain_reason(error)}.", hint=hint) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
