"""A person's own `trading.json` and `risk.json`: one key set or taken out, checked before it is written."""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.loader import FOLDER, load_risk, load_trading, merge, read_json
from config.reference import SettingKey, setting_keys, value_at
from core.errors import SettingsError


def find_key(path: str, folder: Path = FOLDER) -> SettingKey:
    """Return the key of a dotted path; `trading.` or `risk.` before it tells two of the same name apart.

    Raises
    ------
    SettingsError
        When there is none, with the nearest known name.
    """
    keys = {name: key for key in setting_keys(folder) for name in (key.path, f"{key.file}.{key.path}")}
    if path in keys:
        return keys[path]
    near = difflib.get_close_matches(path, keys, n=1, cutoff=0.0)
    raise SettingsError(f"There is no setting {path}.", hint=f"The nearest known name is {near[0]}.")


def effective(folder: Path = FOLDER) -> Mapping[str, Mapping[str, Any]]:
    """Return the settings in force, by file, as JSON has them; secrets are masked.

    Raises
    ------
    SettingsError
        When they cannot be used.
    """
    trading = load_trading(folder)
    risk = load_risk(folder, trading.profile)
    return {"trading": trading.model_dump(mode="json"), "risk": risk.model_dump(mode="json")}


def layer_of(key: SettingKey, profile: str, folder: Path = FOLDER) -> str:
    """Return what says a key's value: the own file, the profile, or the default."""
    try:
        value_at(read_json(folder / f"{key.file}.json"), key.path)
    except KeyError:
        return f"profile {profile}" if profile in key.profiles else "default"
    return f"{key.file}.json"


def set_key(key: SettingKey, value: object, folder: Path = FOLDER) -> Path:
    """Write a value into the person's own file and return that file; it is private to its owner.

    Raises
    ------
    SettingsError
        When the settings with it could not be used; nothing is written then.
    """
    return write_own(key.file, own_with(key.file, {key.path: value}, folder), folder)


def own_with(file: str, values: Mapping[str, object], folder: Path = FOLDER) -> Mapping[str, Any]:
    """Return a person's own file with values set, by dotted key; nothing is written.

    Raises
    ------
    SettingsError
        When the settings with them could not be used.
    """
    content: Mapping[str, Any] = read_json(folder / f"{file}.json")
    for path, value in values.items():
        own: Any = value
        for part in reversed(path.split(".")):
            own = {part: own}
        content = merge(content, own)
    _require_usable(file, content, folder)
    return content


def unset_key(key: SettingKey, folder: Path = FOLDER) -> Path:
    """Take a key out of the person's own file, so that the profile or the default holds again.

    Raises
    ------
    SettingsError
        When it is not in there, or the settings without it could not be used.
    """
    own = read_json(folder / f"{key.file}.json")
    above, _, name = key.path.rpartition(".")
    try:
        place = value_at(own, above) if above else own
        del place[name]
    except KeyError:
        raise SettingsError(f"{key.path} is not set in {key.file}.json.") from None
    _require_usable(key.file, own, folder)
    return write_own(key.file, own, folder)


def write_own(file: str, content: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Replace a person's own file whole and return it; what it holds has been checked by `own_with`."""
    path = folder / f"{file}.json"
    new = path.with_suffix(".json.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(_text(content))
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
    return path


def _require_usable(file: str, content: Mapping[str, Any], folder: Path) -> None:
    """Read all the settings with a new file beside the others."""
    # beside the settings' folder, for the user's own profiles, universes and agents are found beside it
    with tempfile.TemporaryDirectory(prefix=".config-", dir=folder.parent) as tried:
        for kept in (*folder.glob("*.json"), *(folder / "profiles").glob("*.json")):
            copy = Path(tried) / kept.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(kept.read_bytes())
        (Path(tried) / f"{file}.json").write_text(_text(content), encoding="utf-8")
        trading = load_trading(Path(tried))
        load_risk(Path(tried), trading.profile)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
