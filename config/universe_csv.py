"""A universe as CSV: `date,ticker`, the members on each date; or `ticker` with any of `sector,etf,from,to`.

Either may have `old,renamed`: the ticker that the stock had until that day.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from config.bounded_file import read_bounded
from config.universe_file import Listed, Listing, alias_of
from core.errors import SettingsError
from core.plain_words import plain_reason
from core.universe import Alias, Span

BYTES_MAX = 20_000_000
HINT = (
    "The first line is `date,ticker`, or `ticker` with any of `sector,etf,from,to`, and `old,renamed` where "
    "tickers changed; see docs/howto/universe.md."
)
ALIAS_COLUMNS = {"old", "renamed"}
SPAN_COLUMNS = {"ticker", "sector", "etf", "from", "to"}


def read_csv(path: Path) -> Listing:
    """Read the lines of a universe's CSV file.

    Raises
    ------
    core.errors.SettingsError
        For a file that is none, naming the line.
    """
    body = read_bounded(path, BYTES_MAX, partial(SettingsError, hint=HINT))
    try:
        reader = csv.DictReader(body.decode("utf-8-sig").splitlines(), strict=True)
        columns = tuple(name.strip().lower() for name in reader.fieldnames or ())
        reader.fieldnames = columns
        rows = [(f"line {reader.line_num}", _fields(row, reader.line_num, path)) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} is not CSV in UTF-8: {plain_reason(error)}.", hint=HINT) from error
    if len(set(columns)) < len(columns):
        raise SettingsError(f"{path} has a column twice: {', '.join(columns)}.", hint=HINT)
    said = set(columns) - ALIAS_COLUMNS
    if said == {"date", "ticker"}:
        return Listing(path=path, stocks=_by_date(rows, path), aliases=_aliases(rows, path))
    if "ticker" in said and said <= SPAN_COLUMNS:
        stocks = [_spanned(place, row, path) for place, row in rows]
        return Listing(path=path, stocks=stocks, aliases=_aliases(rows, path))
    raise SettingsError(f"{path} has the columns {', '.join(columns) or 'none'}.", hint=HINT)


def _fields(row: Mapping[str | None, Any], line: int, path: Path) -> dict[str, str]:
    """Return a line's fields by column; one with more fields than columns would be read askew."""
    if None in row:
        raise SettingsError(
            f"{path}: line {line}: {', '.join(row[None])} is more than the first line has columns for.",
            hint='Put a field with a comma in quotes: "Tech, hardware".',
        )
    return {str(name): (value or "").strip() for name, value in row.items()}


def _by_date(rows: Sequence[tuple[str, Mapping[str, str]]], path: Path) -> list[Listed]:
    """Turn lists of members into spans: a member stays until the day before the first list without it.

    The last list stays in force; before the first one nobody is a member.
    """
    days_of: dict[str, dict[date, str]] = {}
    for place, row in rows:
        day = _day(row["date"], place, path)
        if day is None:
            raise SettingsError(f"{path}: {place}: there is no date.", hint=HINT)
        days_of.setdefault(row["ticker"], {})[day] = place
    lists = sorted({day for days in days_of.values() for day in days})
    after = dict(zip(lists, [*lists[1:], None], strict=True))
    out = []
    for ticker, days in days_of.items():
        since: date | None = None
        for day in sorted(days):
            since, following = since or day, after[day]
            if following is None or following not in days:
                until = following - timedelta(days=1) if following else None
                out.append(Listed(ticker=ticker, place=days[day], span=Span(since, until)))
                since = None
    return out


def _spanned(place: str, row: Mapping[str, str], path: Path) -> Listed:
    since, until = (_day(row.get(name, ""), place, path) for name in ("from", "to"))
    return Listed(
        ticker=row["ticker"],
        place=place,
        sector=row.get("sector") or None,
        etf=row.get("etf") or None,
        span=Span(since, until) if since or until else None,
    )


def _aliases(rows: Sequence[tuple[str, Mapping[str, str]]], path: Path) -> tuple[Alias, ...]:
    """Return the renames that lines name, each once however often it is said."""
    found: dict[Alias, None] = {}
    for place, row in rows:
        old, since = row.get("old", ""), _day(row.get("renamed", ""), place, path)
        if since is not None and old:
            found[alias_of(old, row["ticker"], since, place, path)] = None
        elif since is not None or old:
            raise SettingsError(f"{path}: {place}: old and renamed need each other.", hint=HINT)
    return tuple(found)


def _day(text: str, place: str, path: Path) -> date | None:
    """Read a day; a time of midnight behind it is left out."""
    if not text:
        return None
    try:
        return date.fromisoformat(text.removesuffix(" 00:00:00").removesuffix("T00:00:00"))
    except ValueError:
        raise SettingsError(
            f"{path}: {place}: {text!r:.40} is not a date.", hint="Write it like 2019-01-01."
        ) from None
