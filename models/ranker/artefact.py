"""A trained ranker as a typed struct: what it is, what it learnt from, and how good it was out of sample."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.factors.table import FACTOR_NAMES
from models.ranker.calibration import Calibration
from models.storage.old_pickle import is_old
from models.storage.old_pickle import load as load_old_pickle
from models.storage.typed import decode_checked

VERSION = "v8"
BYTES_MAX = 32 * 2**20
HINT = "Delete the file and POST /quant/retrain."
NUMBERS_NEEDED = ("auc", "base_rate", "rank_ic", "rank_ic_standard_error")
Text = Annotated[str, Meta(min_length=1, max_length=100)]
Name = Annotated[str, Meta(pattern=r"^[\w-]{1,100}$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Few = Meta(max_length=64)
Days = Meta(max_length=10_000)


class TrainingWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sessions a ranker was trained on, as ISO dates.

    Attributes
    ----------
    first, last : str
        The first and the last session with samples.
    labels_end : str
        The session the last label ends at: the model may be used only for views whose last session is later.
    """

    first: Day
    last: Day
    labels_end: Day


class DailyFigures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Out-of-sample rank IC and Brier score of each session: what a promotion compares; lists of one length."""

    sessions: Annotated[list[Day], Days]
    rank_ic: Annotated[list[float], Days]
    brier: Annotated[list[float], Days]


class QuantArtefact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trained ranker.

    Attributes
    ----------
    model_id : str
        `quant-v8-DATE-HEX`: the last label's session and 8 digits of the content's SHA-256.
    feature_names : tuple of str, length 13
    booster : bytes
        XGBoost's own UBJSON.
    calibration : Calibration
        Platt's sigmoid over the booster's margin.
    samples : int
        How many samples the booster was fitted on.
    metrics : mapping of str to float
        Purged out-of-sample figures (see `models.ranker.metrics.summary`).
    settings : mapping
        The QuantSettings it was trained with.
    libraries : mapping of str to str
        Versions of what trained it.
    """

    model_id: Name
    version: Text
    feature_names: Annotated[tuple[Text, ...], Few]
    booster: Annotated[bytes, Meta(min_length=1)]
    calibration: Calibration
    window: TrainingWindow
    samples: Annotated[int, Meta(ge=1, le=2**53)]
    metrics: Annotated[Mapping[Text, float], Few]
    daily: DailyFigures
    settings: Annotated[Mapping[Text, bool | int | float | Text | None], Few]
    libraries: Annotated[Mapping[Text, Text], Few]

    @property
    def labels_end(self) -> str:
        """ISO date of the session the last label ends at."""
        return self.window.labels_end

    @property
    def horizon_sessions(self) -> int:
        """Sessions that a label looks ahead."""
        return int(self.settings["horizon_sessions"] or 0)

    @property
    def purge_sessions(self) -> int:
        """Sessions left out between the last sample and the last label's end."""
        return int(self.settings["purge_sessions"] or 0)

    @property
    def top_quantile(self) -> float:
        """Share of the universe that a label's return must exceed."""
        return float(self.settings["top_quantile"] or 0.0)


_DECODER = msgspec.msgpack.Decoder(QuantArtefact)


def model_name(booster: bytes, calibration: Calibration, labels_end: str) -> str:
    """Name a model after its content."""
    numbers = sorted(msgspec.structs.asdict(calibration).items())
    body = booster + repr(numbers).encode()
    return f"quant-{VERSION}-{labels_end.replace('-', '')}-{hashlib.sha256(body).hexdigest()[:8]}"


def encode_artefact(artefact: QuantArtefact) -> bytes:
    """Write an artefact as msgpack; equal artefacts give equal bytes."""
    return msgspec.msgpack.encode(artefact)


def decode_artefact(body: bytes) -> QuantArtefact:
    """Read an artefact, also one that an engine up to 0.1 wrote as a pickle of plain data.

    Raises
    ------
    ArtefactError
        When it is not one, was made for other features, or its figures cannot be. Nothing was run.
    """
    if is_old(body):
        return _from_old(load_old_pickle(body, HINT))
    return _checked(decode_checked(_DECODER.decode, body, "The ranker's file", HINT))


def _from_old(content: Mapping[str, Any]) -> QuantArtefact:
    try:
        artefact = msgspec.convert(content, QuantArtefact)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ArtefactError(f"The old model file is no ranker: {plain_reason(error)}.", hint=HINT) from error
    return _checked(artefact)


def _checked(artefact: QuantArtefact) -> QuantArtefact:
    for wrong in _faults(artefact):
        raise ArtefactError(f"The model file is not a ranker of this engine: {wrong}.", hint=HINT)
    return artefact


def _faults(artefact: QuantArtefact) -> Iterable[str]:
    """List what types alone do not say."""
    if artefact.version != VERSION or artefact.feature_names != FACTOR_NAMES:
        yield f"it is of version {artefact.version} or of other factors"
    if not _in_order(artefact.window):
        yield "its window's dates are none, or not in order"
    elif artefact.model_id != model_name(artefact.booster, artefact.calibration, artefact.labels_end):
        yield "its name does not fit its content"
    numbers, daily, settings = artefact.metrics, artefact.daily, artefact.settings
    calibration = (artefact.calibration.slope, artefact.calibration.intercept)
    missing = [name for name in NUMBERS_NEEDED if name not in numbers]
    if missing:
        yield f"its metrics lack {', '.join(missing)}"
    elif not (0 <= numbers["auc"] <= 1 and 0 < numbers["base_rate"] < 1):
        yield "its AUC or base rate is no share"
    if not all(map(math.isfinite, (*calibration, *numbers.values(), *daily.rank_ic, *daily.brier))):
        yield "a figure of it is not finite"
    if artefact.calibration.slope < 0:
        yield "its calibration falls"
    if not len(daily.sessions) == len(daily.rank_ic) == len(daily.brier):
        yield "its daily figures are of unequal length"
    for name, lowest in (("horizon_sessions", 1), ("purge_sessions", 0)):
        value = settings.get(name)
        if type(value) is not int or not lowest <= value <= 1_000:
            yield f"its setting {name} is {value!r}"
    quantile = settings.get("top_quantile")
    if type(quantile) is not float or not 0 < quantile < 1:
        yield f"its setting top_quantile is {quantile!r}"


def _in_order(window: TrainingWindow) -> bool:
    try:
        first, last, end = (date.fromisoformat(day) for day in (window.first, window.last, window.labels_end))
    except ValueError:
        return False
    return first <= last <= end
