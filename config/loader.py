"""Layered JSON: committed defaults, then the profile, then the operator's own file."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.json_file import HINT, NESTING_MAX, read_object, shown, written_twice
from config.plugin_names import require_known_agents, require_known_parts
from config.plugins import user_folder
from config.risk import RiskSettings
from config.trading import TradingSettings
from config.universe import with_universe
from core.errors import SettingsError
from core.text_forms import said_of

Model = TypeVar("Model", bound=BaseModel)
FOLDER = Path(__file__).parent
SECRET_KEYS = ("notify.urls", "heartbeat.url", "agents.")
DEFAULT_PROFILE = "runbook"
RENAMED_PROFILES = {"measured": "diversified"}
"""Names of profiles that were given up, and what each is called now."""
log = logging.getLogger("config")


def load_trading(folder: Path = FOLDER, profile: str = "") -> TradingSettings:
    """Read `trading.default.json`, the profile, and `trading.json`.

    Parameters
    ----------
    profile : str
        Another than the one that the files name; empty for theirs.

    Raises
    ------
    SettingsError
        With the path of the first wrong key and the nearest known name, or when there is no such profile.
    """
    layers = [read_json(folder / "trading.default.json"), read_json(folder / "trading.json")]
    name = profile or merge(*layers).get("profile", DEFAULT_PROFILE)
    named: dict[str, Any] = {}
    if isinstance(name, str):  # else the validation says what is wrong with it
        name = current_profile(name)
        named = read_profile(folder, name).get("trading", {})
    merged = merge(layers[0], named, layers[1], {"profile": name})
    trading = validate(TradingSettings, with_universe(merged, folder), "trading.json")
    require_known_agents(trading, folder)
    require_known_parts(trading, folder)
    return trading


def load_risk(folder: Path = FOLDER, profile: str = DEFAULT_PROFILE) -> RiskSettings:
    """Read `risk.default.json`, the profile's part of it, and `risk.json`.

    Raises
    ------
    SettingsError
        With the path of the first wrong key and the nearest known name.
    """
    merged = merge(
        read_json(folder / "risk.default.json"),
        read_profile(folder, current_profile(profile)).get("risk", {}),
        read_json(folder / "risk.json"),
    )
    return validate(RiskSettings, merged, "risk.json")


def read_json(path: Path) -> dict[str, Any]:
    """Read one file's object, dotted keys unfolded; a missing file is an empty layer.

    Raises
    ------
    SettingsError
        For whatever the file is that is not clean JSON in UTF-8, naming the file and what is wrong with it.
    """
    try:
        content = read_object(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise SettingsError(f"{path} is a link to a file that there is not.", hint=HINT) from None
        return {}
    out: dict[str, Any] = {}
    _unfold(content, out, (), path)
    return out


def _unfold(content: Mapping[str, Any], into: dict[str, Any], above: tuple[str, ...], path: Path) -> None:
    """Lay an object's members under the keys that their dots name; `a.b` and b within a are the same key."""
    for key, value in content.items():
        parts = key.split(".")
        keys = (*above, *parts)
        if len(keys) > NESTING_MAX:
            raise SettingsError(f"{path} is nested deeper than {NESTING_MAX}: {shown(keys)}.", hint=HINT)
        place = into
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise written_twice(path, keys)
        leaf = parts[-1]
        if leaf in place and not (isinstance(value, dict) and isinstance(place[leaf], dict)):
            raise written_twice(path, keys)
        if isinstance(value, dict):
            _unfold(value, place.setdefault(leaf, {}), keys, path)
        else:
            place[leaf] = value


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay objects over each other, deeply; the later wins."""
    out: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            held = out.get(key)
            out[key] = merge(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return out


def current_profile(name: str) -> str:
    """Return what a profile is called now, with a warning where its name was given up."""
    renamed = RENAMED_PROFILES.get(name)
    if renamed is None:
        return name
    log.warning("The profile %s is called %s now. The old name is still taken; write the new one.", name, renamed)
    return renamed


def read_profile(folder: Path, name: str) -> dict[str, Any]:
    """Read a profile's file: its `about` and `caveats`, and its `trading` and `risk` settings.

    It is looked for in `config/profiles`, then in `user/profiles`.

    Raises
    ------
    SettingsError
        When there is none of this name.
    """
    files = {path.stem: path for path in sorted((user_folder(folder) / "profiles").glob("*.json"))}
    files |= {path.stem: path for path in sorted((folder / "profiles").glob("*.json"))}
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise SettingsError(
            f"There is no profile {name}.", hint=f"config/profiles and user/profiles have {known}."
        )
    return read_json(files[name])


def validate(model: type[Model], content: Mapping[str, Any], file: str) -> Model:
    """Validate an object as settings; the error names the wrong key and the nearest known one."""
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise SettingsError(f"{file}: " + "; ".join(_explain(model, e) for e in error.errors()[:5])) from error


def _explain(model: type[BaseModel], error: Any) -> str:
    dotted = shown([str(part) for part in error["loc"]])
    if error["type"] != "extra_forbidden":
        given = "not shown: a secret" if dotted.startswith(SECRET_KEYS) else f"{error['input']!r:.200}"
        what = said_of(error)
        return f"{dotted or 'the file'}: {what} (given: {given})"
    near = difflib.get_close_matches(dotted, key_paths(model), n=1, cutoff=0.0)
    return f"unknown key {dotted}; the nearest known name is {near[0]}"


def key_paths(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List every key that a settings model knows, dotted."""
    out = []
    for name, info in model.model_fields.items():
        out.append(prefix + name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            out += key_paths(info.annotation, f"{prefix}{name}.")
    return out


def as_text(settings: BaseModel) -> str:
    """Return settings as the JSON that their fingerprint is made from."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def digest(*settings: BaseModel | str) -> str:
    """Return the fingerprint of settings, each given as it is or by `as_text`: SHA-256 over their JSON."""
    body = "\n".join(one if isinstance(one, str) else as_text(one) for one in settings)
    return hashlib.sha256(body.encode()).hexdigest()
