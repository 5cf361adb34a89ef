"""Figures as plain JSON values, every one under its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

CURVES = ("sessions", "curves", "high_volatility", "fan", "exposure")
JSON_NAME = "json_name"  # metadata of a field that is written under another name


def figures(report: Any) -> dict[str, Any]:
    """Return a report's figures alone, without its curves."""
    return {name: value for name, value in plain(report).items() if name not in CURVES}


def plain(value: Any) -> Any:
    """Turn dataclasses and named tuples into dicts, and tuples into lists, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.metadata.get(JSON_NAME, f.name): plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        names = getattr(value, "_fields", None)
        parts = [plain(part) for part in value]
        return dict(zip(names, parts, strict=True)) if names else parts
    return value
