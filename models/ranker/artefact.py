"""A trained ranker as plain data: what it is, what it learnt from, and how good it was out of sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from core.errors import ArtefactError
from models.factors.table import FACTOR_NAMES
from models.storage.plain_pickle import HINT

VERSION = "v8"
_TYPES: Mapping[str, type] = {
    "model_id": str, "version": str, "feature_names": list, "booster": bytes, "calibration": dict,
    "window": dict, "samples": int, "metrics": dict, "daily": dict, "settings": dict, "libraries": dict,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantArtefact:
    """A trained ranker.

    Attributes
    ----------
    model_id : str
        `quant-v8-DATE-HEX`: the last label's session and 8 digits of the content's SHA-256.
    feature_names : tuple of str, length 13
    booster : bytes
        XGBoost's own UBJSON.
    calibration : mapping
        `slope` and `intercept` of Platt's sigmoid over the booster's margin.
    window : mapping of str to str
        ISO dates `first` and `last` (sessions with samples) and `labels_end`: the model may be used only for
        views whose last session is later than `labels_end`.
    samples : int
        How many samples the booster was fitted on.
    metrics : mapping of str to float
        Purged out-of-sample figures (see `models.ranker.metrics.summary`).
    daily : mapping
        `sessions`, `rank_ic` and `brier` of each out-of-sample session: what a promotion compares.
    settings : mapping
        The QuantSettings it was trained with.
    libraries : mapping of str to str
        Versions of what trained it.
    """

    model_id: str
    version: str
    feature_names: tuple[str, ...]
    booster: bytes
    calibration: Mapping[str, float]
    window: Mapping[str, str]
    samples: int
    metrics: Mapping[str, float]
    daily: Mapping[str, list[Any]]
    settings: Mapping[str, Any]
    libraries: Mapping[str, str]

    @property
    def labels_end(self) -> str:
        """ISO date of the session the last label ends at."""
        return self.window["labels_end"]

    def to_plain(self) -> dict[str, Any]:
        """Give the artefact as nested dicts and lists."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value)
            if isinstance(value, tuple)
            else dict(value)
            if isinstance(value, Mapping)
            else value
            for name, value in plain.items()
        }


def model_name(booster: bytes, calibration: Mapping[str, float], labels_end: str) -> str:
    """Name a model after its content."""
    body = booster + repr(sorted(calibration.items())).encode()
    return f"quant-{VERSION}-{labels_end.replace('-', '')}-{hashlib.sha256(body).hexdigest()[:8]}"


def from_plain(content: Mapping[str, Any]) -> QuantArtefact:
    """Check plain data and make an artefact of it.

    Raises
    ------
    ArtefactError
        When a field is missing, unknown or ill-typed, or it was made for other features.
    """
    if set(content) != set(_TYPES):
        wrong = ", ".join(sorted(set(content) ^ set(_TYPES)))
        raise ArtefactError(f"The model file is not a ranker of this engine: fields {wrong}.", hint=HINT)
    ill = [name for name, kind in _TYPES.items() if type(content[name]) is not kind]
    if ill:
        raise ArtefactError(f"The model file's {', '.join(ill)} is of the wrong type.", hint=HINT)
    _check_content(content)
    return QuantArtefact(**{**content, "feature_names": tuple(content["feature_names"])})


def _check_content(content: Mapping[str, Any]) -> None:
    if content["version"] != VERSION or tuple(content["feature_names"]) != FACTOR_NAMES:
        raise ArtefactError(f"The model file is of version {content['version']} or of other factors.", hint=HINT)
    numbers = {"slope", "intercept"}
    calibration = content["calibration"]
    if set(calibration) != numbers or any(type(value) is not float for value in calibration.values()):
        raise ArtefactError("The model file's calibration is not a slope and an intercept.", hint=HINT)
    if not {"first", "last", "labels_end"} <= set(content["window"]):
        raise ArtefactError("The model file does not say which window it was trained on.", hint=HINT)
    if content["model_id"] != model_name(content["booster"], calibration, content["window"]["labels_end"]):
        raise ArtefactError("The model file's name does not fit its content.", hint=HINT)
