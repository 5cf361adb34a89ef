"""Every key of the settings: what it means, its unit and range, its default, and which profile changes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.loader import FOLDER, read_json
from config.meanings import meaning_of
from config.risk import RiskSettings
from config.trading import TradingSettings

FILES: Mapping[str, type[BaseModel]] = {"trading": TradingSettings, "risk": RiskSettings}
UNITS = {
    "seconds": "seconds", "minutes": "minutes", "hours": "hours", "days": "days", "weeks": "weeks",
    "months": "months", "years": "years", "sessions": "trading sessions", "bps": "basis points",
    "pct": "a fraction: 0.02 is 2 %", "usd": "US dollars", "bytes": "bytes", "mb": "megabytes",
    "atr": "average true ranges", "stories": "stories", "tokens": "tokens", "ms": "milliseconds",
}  # fmt: skip
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*) : .+$")
SHOWN_CHARACTERS_MAX = 120


@dataclass(frozen=True, kw_only=True)
class SettingKey:
    """One key of `trading.json` or `risk.json`.

    Attributes
    ----------
    file : str
        `trading` or `risk`.
    meaning, unit, allowed : str
        In words; the unit is empty where there is none.
    default : object
        As JSON has it.
    profiles : mapping of str to object
        The value of each profile that changes it.
    """

    file: str
    path: str
    meaning: str
    unit: str
    allowed: str
    default: Any
    profiles: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_text(self) -> str:
        """Return the default as JSON, a long one cut."""
        text = json.dumps(self.default, ensure_ascii=False)
        return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]} ..."


def setting_keys(folder: Path = FOLDER) -> tuple[SettingKey, ...]:
    """Return every key that may stand in `trading.json` and `risk.json`, in the order of the models."""
    profiles = {path.stem: read_json(path) for path in sorted((folder / "profiles").glob("*.json"))}
    return tuple(
        key
        for file, model in FILES.items()
        for key in _keys(file, model, "", model().model_dump(mode="json"), profiles)
    )


def value_at(content: Mapping[str, Any], path: str) -> Any:
    """Return what stands under a dotted key.

    Raises
    ------
    KeyError
        When nothing does.
    """
    found: Any = content
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(path)
        found = found[part]
    return found


def _keys(
    file: str, model: type[BaseModel], prefix: str, defaults: Any, profiles: Mapping[str, Mapping[str, Any]]
) -> Iterator[SettingKey]:
    schema, documented = model.model_json_schema(), attribute_texts(model.__doc__ or "")
    for name, about in model.model_fields.items():
        path, kind = prefix + name, about.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(file, kind, f"{path}.", defaults[name], profiles)
            continue
        yield SettingKey(
            file=file,
            path=path,
            meaning=about.description or documented.get(name) or meaning_of(f"{file}.{path}"),
            unit=next((UNITS[word] for word in reversed(name.split("_")) if word in UNITS), ""),
            allowed=allowed_text(schema["properties"][name], schema.get("$defs", {})),
            default=defaults[name],
            profiles=dict(_changed_by(profiles, file, path)),
        )


def _changed_by(profiles: Mapping[str, Mapping[str, Any]], file: str, path: str) -> Iterator[tuple[str, Any]]:
    for name, content in profiles.items():
        try:
            yield name, value_at(content, f"{file}.{path}")
        except KeyError:
            continue


def attribute_texts(docstring: str) -> dict[str, str]:
    """Return what the Attributes section of a NumPy docstring says of each name."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("Attributes\n")[2].splitlines():
        words = line.strip()
        if found := ATTRIBUTE.match(words):
            names = found[1].split(", ")
        elif words and not set(words) <= {"-"}:
            for name in names:
                texts[name] = f"{texts.get(name, '')} {words}".strip()
    return texts


def allowed_text(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return a JSON schema's type and bounds in a few words."""
    if "$ref" in schema:
        return allowed_text(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return " or ".join(allowed_text(one, definitions) for one in schema["anyOf"])
    if named := schema.get("enum", [schema["const"]] if "const" in schema else ()):
        return " or ".join(f"`{one}`" for one in named)
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        return f"a list of: {allowed_text(schema.get('items', {}), definitions)}"
    if kind == "object" and "properties" in schema:
        return f"an object with {', '.join(schema['properties'])}"
    bounds = [f"{sign} {schema[name]:.10g}" for name, sign in BOUNDS.items() if name in schema]
    return " ".join((kind, ", ".join(bounds))).strip()
