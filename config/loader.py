"""Layered JSON: committed defaults, then the profile, then the operator's own file."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.risk import RiskSettings
from config.trading import TradingSettings
from core.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)
FOLDER = Path(__file__).parent


def load_trading(folder: Path = FOLDER) -> TradingSettings:
    """Read `trading.default.json`, the profile it names, and `trading.json`.

    Raises
    ------
    SettingsError
        With the path of the first wrong key and the nearest known name.
    """
    layers = [read_json(folder / "trading.default.json"), read_json(folder / "trading.json")]
    chosen = merge(*layers).get("profile", "runbook")
    return validate(
        TradingSettings, merge(layers[0], _profile(folder, chosen, "trading"), layers[1]), "trading.json"
    )


def load_risk(folder: Path = FOLDER, profile: str = "runbook") -> RiskSettings:
    """Read `risk.default.json`, the profile's part of it, and `risk.json`.

    Raises
    ------
    SettingsError
        With the path of the first wrong key and the nearest known name.
    """
    merged = merge(
        read_json(folder / "risk.default.json"),
        _profile(folder, profile, "risk"),
        read_json(folder / "risk.json"),
    )
    return validate(RiskSettings, merged, "risk.json")


def read_json(path: Path) -> dict[str, Any]:
    """Read one file's object, dotted keys unfolded; a missing file is an empty layer."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error}.", hint="Mend its permissions.") from error
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}.", hint="Mend the file, then start again.") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not an object of settings.")
    return _unfold(content)


def _unfold(content: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in content.items():
        head, _, rest = key.partition(".")
        leaf = {rest: value} if rest else value
        leaf = _unfold(leaf) if isinstance(leaf, dict) else leaf
        out = merge(out, {head: leaf})
    return out


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay objects over each other, deeply; the later wins."""
    out: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            held = out.get(key)
            out[key] = merge(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return out


def _profile(folder: Path, name: object, part: str) -> dict[str, Any]:
    content = read_json(folder / "profiles" / f"{name}.json").get(part, {})
    return dict(content)


def validate(model: type[Model], content: Mapping[str, Any], file: str) -> Model:
    """Validate an object as settings; the error names the wrong key and the nearest known one."""
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise SettingsError(f"{file}: " + "; ".join(_explain(model, e) for e in error.errors()[:5])) from error


def _explain(model: type[BaseModel], error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    dotted = ".".join(path)
    if error["type"] != "extra_forbidden":
        return f"{dotted or 'the file'}: {error['msg']} (given: {error['input']!r})"
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


def digest(*settings: BaseModel) -> str:
    """Return the fingerprint of settings: SHA-256 over their JSON."""
    body = "\n".join(json.dumps(s.model_dump(mode="json"), sort_keys=True) for s in settings)
    return hashlib.sha256(body.encode()).hexdigest()
