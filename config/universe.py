"""The universes there are: the default one, the user's own files, and indices whose members a package has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from config.json_file import read_object
from config.universe_csv import read_csv
from config.universe_file import Listed, Listing, read_listing, universe_of
from config.universe_index import INDICES, described, index_members
from core.errors import SettingsError
from core.registry import nearest_name
from core.universe import Universe

FOLDER = Path(__file__).parent
DEFAULT_NAME = "default"
DEFAULT_FILE = "universe.default.json"
NAME = re.compile(r"[\w][\w.\- ]{0,99}")
SUFFIXES = (".json", ".csv")


def read_default(folder: Path = FOLDER) -> Universe:
    """Read the 64 stocks in 14 sectors: today's leaders, picked with hindsight."""
    path = folder / DEFAULT_FILE
    content = read_object(path if path.exists() else FOLDER / DEFAULT_FILE)
    return universe_of(DEFAULT_NAME, f"config/{DEFAULT_FILE}", read_listing(content, path))


DEFAULT = read_default()
AS_JSON = TypeAdapter(Universe)


def user_folder(folder: Path) -> Path:
    """Return where the user's own universes are, beside the folder of the settings."""
    return folder.parent / "user" / "universes"


def read_universe(name: str, folder: Path = FOLDER) -> Universe:
    """Read a universe by name: the user's `user/universes/NAME.json` or `.csv` before one of the engine's.

    `NAME@2024-12-31` are the members of that day, without dates: as if one had always known who would belong.
    Only a universe with dates has them.

    Raises
    ------
    core.errors.SettingsError
        For a name that there is not, with the nearest, and for a file that cannot be used.
    """
    plain, _, day = name.partition("@")
    if day:
        return _on_day(read_universe(plain, folder), name, day)
    own = user_folder(folder)
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"universe: {name!r:.80} is no name of a universe.", hint="Letters, digits, _ and -: my-stocks."
        )
    found = [path for path in (own / f"{name}.json", own / f"{name}.csv") if path.is_file()]
    if len(found) > 1:
        raise SettingsError(
            f"The universe {name} is there twice: {found[0]} and {found[1].name}.", hint="Keep the one you mean."
        )
    if found and found[0].suffix == ".csv":
        return universe_of(name, str(found[0]), read_csv(found[0]))
    if found:
        return universe_of(name, str(found[0]), read_listing(read_object(found[0]), found[0]))
    if name == DEFAULT_NAME:
        return read_default(folder)
    if name in INDICES:
        stocks = [Listed(ticker=ticker, place=ticker) for ticker in index_members(name)]
        return universe_of(name, described(), Listing(path=Path(name), stocks=stocks))
    known = (DEFAULT_NAME, *INDICES, *sorted({path.stem for path in own.glob("*.*") if path.suffix in SUFFIXES}))
    near = nearest_name(name, known) or DEFAULT_NAME
    raise SettingsError(
        f"universe: there is no universe {name!r:.80}; the nearest known name is {near}.",
        hint=f"There are {', '.join(known)}; one of your own is {own}/NAME.json or NAME.csv.",
    )


def _on_day(universe: Universe, name: str, day: str) -> Universe:
    if not universe.is_dated:
        raise SettingsError(
            f"universe: {name}: {universe.name} has no dates, so who belonged on that day is not known.",
            hint="Give it a file with dates: docs/howto/universe.md.",
        )
    try:
        members = universe.members(np.array([date.fromisoformat(day)], dtype="datetime64[D]"), universe.stocks)[0]
    except ValueError as error:
        raise SettingsError(f"universe: {name}: {day!r:.40} is not a date.", hint="NAME@2024-12-31.") from error
    if not members.any():
        raise SettingsError(f"universe: {name}: nobody belongs on that day.", hint="Name another day.")
    inside = [stock for stock, belongs in zip(universe.stocks, members, strict=True) if belongs]
    return replace(universe.only(inside), name=name, membership={})


def with_universe(content: Mapping[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """Return settings whose universe, if they name one, is read from its file."""
    name = content.get("universe", {})
    if isinstance(name, Mapping):
        return dict(content)
    if not isinstance(name, str):
        raise SettingsError(
            f"trading.json: universe: {name!r:.80} is no name.",
            hint=f"Such as {', '.join((DEFAULT_NAME, *INDICES))}.",
        )
    return {**content, "universe": AS_JSON.dump_python(read_universe(name, folder), mode="json")}
