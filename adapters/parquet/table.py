"""Columns of a recorded file: what is missing or of another type is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError


def read_columns(path: Path, columns: Sequence[str], hint: str, *, optional: Sequence[str] = ()) -> Any:
    """Read columns of a parquet file as an Arrow table.

    Parameters
    ----------
    hint : str
        What to do when it cannot be read.
    optional : sequence of str
        Columns read where the file has them.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read or lacks a column.
    """
    # heavy: imported at first use
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        names = pq.read_schema(path).names
        missing = [name for name in columns if name not in names]
        if missing:
            raise DataError(
                f"{path} has no column {', '.join(missing)}.",
                hint=f"It needs {', '.join(columns)}, one row a bar.",
            )
        return pq.read_table(path, columns=[*columns, *(name for name in optional if name in names)])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}.", hint=hint) from error


def column_of(table: Any, name: str, dtype: Any) -> NDArray[Any]:
    """Give a column of a table as an array.

    Raises
    ------
    core.errors.DataError
        When it is of another type.
    """
    try:
        column: NDArray[Any] = table[name].to_numpy().astype(dtype)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The column {name} is of type {table[name].type}, which is no {np.dtype(dtype)}."
        ) from error
    return column
