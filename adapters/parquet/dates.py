"""Dates and moments written as numbers or text: read where there is one reading, else the first row with none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.rows import DAY

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
MOMENT = "datetime64[us]"
# From March 1973 to 2099 the sizes of the four units and of dates as 20240102 do not overlap.
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
SECONDS = (100_000_000, 4_102_444_799)
Read = tuple[NDArray[np.datetime64], int | None]


def days_of_numbers(numbers: NDArray[np.int64]) -> Read:
    """Read whole numbers as dates: 20240102, or time since 1970 in UTC.

    Returns
    -------
    tuple of (ndarray of datetime64[D], int or None)
        The dates, and the first row that has none of the reading that the others have.
    """
    if not len(numbers) or not 19_000_101 <= np.median(numbers) <= 20_991_231:
        moments, row = moments_of_numbers(numbers)
        return moments.astype(DAY), row
    year, month, day = numbers // 10_000, numbers // 100 % 100, numbers % 100
    sound = (year >= FIRST_DAY.year) & (year <= LAST_DAY.year) & (month >= 1) & (month <= 12)
    months = (np.where(sound, year, 2000) - 1970) * 12 + np.where(sound, month, 1) - 1
    starts = months.astype("datetime64[M]").astype(DAY)
    ends = (months + 1).astype("datetime64[M]").astype(DAY)
    sound &= (day >= 1) & (day <= (ends - starts).astype(np.int64))
    return starts + (day - 1).astype("timedelta64[D]"), first_row(~sound)


def moments_of_numbers(numbers: NDArray[np.int64]) -> Read:
    """Read whole numbers as time since 1970 in UTC, all in the unit whose size most of them have.

    Returns
    -------
    tuple of (ndarray of datetime64[us], int or None)
        The moments, and the first row that is none.
    """
    fits = {unit: (numbers >= SECONDS[0] * n) & (numbers <= SECONDS[1] * n) for unit, n in UNITS.items()}
    unit = max(fits, key=lambda one: int(fits[one].sum()))
    sound = fits[unit]
    return np.where(sound, numbers, 0).astype(f"datetime64[{unit}]").astype(MOMENT), first_row(~sound)


def moments_of_texts(texts: Sequence[str], *, keep_zone: bool) -> Read:
    """Read ISO 8601; 01/02/2024 has two readings and is none.

    Parameters
    ----------
    keep_zone : bool
        Whether a moment stays as its own zone's clock shows it; else it becomes UTC. Without a zone it is UTC.

    Returns
    -------
    tuple of (ndarray of datetime64[us], int or None)
        The moments, and the first row that is none.
    """
    known: dict[str, datetime | None] = {}
    for text in dict.fromkeys(texts):
        known[text] = _moment(text, keep_zone=keep_zone)
    row = next((row for row, text in enumerate(texts) if known[text] is None), None)
    return np.array([known[text] or datetime.min for text in texts], dtype=MOMENT), row  # noqa: DTZ901  # naive


def _moment(text: str, *, keep_zone: bool) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if keep_zone or found.tzinfo is None else found.astimezone(UTC)).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def first_row(marked: NDArray[np.bool_]) -> int | None:
    """Return the first row that is marked; None when none is."""
    return int(np.argmax(marked)) if marked.any() else None
