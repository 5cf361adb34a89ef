"""The ranker's file and its registry: written atomically, checked by SHA-256, rolled back on demand.

`quant_xgboost_v8.pkl` is the model in use; deleting it means there is none. It holds msgpack; its name is what
the operator's runbook deletes, and older than that. `registry/` keeps the last versions and `registry.json`,
which knows each one's SHA-256: a file the registry did not write is refused before it is decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import ArtefactError
from models.ranker.artefact import BYTES_MAX, HINT, Name, QuantArtefact, Text, decode_artefact, encode_artefact
from models.storage.atomic_file import replace_atomically
from models.storage.bounded_file import read_bounded
from models.storage.old_pickle import is_old
from models.storage.typed import decode_checked

FILE = "quant_xgboost_v8.pkl"
REGISTRY = Path("registry") / "registry.json"
REGISTRY_BYTES_MAX = 2**20
REGISTRY_HINT = f"Delete it and {FILE}, then POST /quant/retrain."
VERSIONS_KEPT = 30  # half a year of weekly retrains: what they said then can be measured now
SUFFIX, OLD_SUFFIX = ".msgpack", ".pkl"
TRAIN_HINT = "POST /quant/retrain trains a new one."
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model the registry knows.

    Attributes
    ----------
    sha256 : str
        Of the file, hexadecimal.
    saved_at : str
        ISO time, UTC.
    """

    model_id: Name
    sha256: Digest
    saved_at: Text
    labels_end: Text
    samples: Annotated[int, Meta(ge=1, le=2**53)]


class Registry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The versions kept, oldest first."""

    versions: Annotated[tuple[Version, ...], Meta(max_length=4 * VERSIONS_KEPT)]


_DECODER = msgspec.json.Decoder(Registry)


def save(artefact: QuantArtefact, folder: Path, saved_at: datetime) -> Version:
    """Keep a model and put it in use.

    The kept copy and the registry are written first, the file in use last: a stop in between leaves the
    old model in use and known.
    """
    body = encode_artefact(artefact)
    version = Version(
        model_id=artefact.model_id, sha256=hashlib.sha256(body).hexdigest(), saved_at=saved_at.isoformat(),
        labels_end=artefact.labels_end, samples=artefact.samples,
    )  # fmt: skip
    replace_atomically(_kept(folder, version), body)
    others = [known for known in _known_or_none(folder) if known.sha256 != version.sha256]
    kept = [*others, version][-VERSIONS_KEPT:]
    _write_registry(folder, kept)
    replace_atomically(folder / FILE, body)
    for gone in set(others) - set(kept):
        for suffix in (SUFFIX, OLD_SUFFIX):
            _kept(folder, gone, suffix).unlink(missing_ok=True)
    return version


def rewrite_old_files(folder: Path) -> tuple[str, ...]:
    """Write again, as msgpack, what an engine up to 0.1 wrote as pickles; give the ids of the models.

    A file that was changed or is gone stays as it is: it is refused by name when it is asked for. The registry
    knows both forms until the file in use is replaced, so that a stop in between leaves every file known.

    Raises
    ------
    ArtefactError
        When the registry cannot be read as one.
    OSError
        When the folder cannot be written; the old files can still be read.
    """
    known = versions(folder)
    renewed = {version.sha256: _rewrite(folder, version) for version in known}
    fresh = [renewed[version.sha256] or version for version in known]
    if fresh == list(known):
        return ()
    _write_registry(folder, [*known, *(version for version in renewed.values() if version)])
    used = renewed.get(fingerprint_in_use(folder))
    if used is not None:
        replace_atomically(folder / FILE, _read(_kept(folder, used)))
    _write_registry(folder, fresh)
    for old in known:
        if renewed[old.sha256]:
            _kept(folder, old, OLD_SUFFIX).unlink(missing_ok=True)
    return tuple(version.model_id for version in renewed.values() if version)


def load_current(folder: Path) -> QuantArtefact | None:
    """Read the model in use; None when there is no file.

    Raises
    ------
    ArtefactError
        When the file is not, byte for byte, one that the registry wrote, or does not hold a ranker.
    """
    path = folder / FILE
    try:
        body = _read(path)
    except FileNotFoundError:
        return None
    return _checked(body, versions(folder), path)


def versions(folder: Path) -> tuple[Version, ...]:
    """List the models kept, oldest first.

    Raises
    ------
    ArtefactError
        When the registry cannot be read as one.
    """
    path = folder / REGISTRY
    try:
        body = read_bounded(path, REGISTRY_BYTES_MAX, REGISTRY_HINT)
    except FileNotFoundError:
        return ()
    return decode_checked(_DECODER.decode, body, f"The models' registry {path}", REGISTRY_HINT).versions


def load_version(folder: Path, sha256: str) -> QuantArtefact:
    """Read a kept model.

    Raises
    ------
    ArtefactError
        When the registry does not know it, or its kept copy is gone or was changed.
    """
    known = next((version for version in versions(folder) if version.sha256 == sha256), None)
    if known is None:
        raise ArtefactError(f"The registry knows no model {sha256[:12]}….", hint=TRAIN_HINT)
    return _load_kept(folder, known)[1]


def fingerprint_in_use(folder: Path) -> str:
    """Return the SHA-256 of the model in use; empty when there is none."""
    try:
        return hashlib.sha256(_read(folder / FILE)).hexdigest()
    except FileNotFoundError:
        return ""


def kept_version(folder: Path, model_id: str = "") -> QuantArtefact:
    """Read a kept version: the one named, or the one before the one in use.

    Raises
    ------
    ArtefactError
        When there is none such, or its kept copy was changed.
    """
    return _load_kept(folder, _chosen(folder, model_id))[1]


def rollback(folder: Path, model_id: str = "") -> QuantArtefact:
    """Put a kept version back in use: the one named, or the one before the one in use.

    Raises
    ------
    ArtefactError
        When there is none such, or its kept copy was changed.
    """
    body, artefact = _load_kept(folder, _chosen(folder, model_id))
    replace_atomically(folder / FILE, body)
    return artefact


def _chosen(folder: Path, model_id: str) -> Version:
    if not model_id:
        return _previous(folder)
    named = [version for version in versions(folder) if version.model_id == model_id]
    if not named:
        raise ArtefactError(f"No ranker {model_id} is kept.", hint="GET /status lists the versions that are.")
    return named[-1]


def _previous(folder: Path) -> Version:
    known, used = versions(folder), fingerprint_in_use(folder)
    places = [index for index, version in enumerate(known) if version.sha256 == used]
    place = (places[0] if places else len(known)) - 1
    if place < 0:
        raise ArtefactError("There is no earlier ranker to go back to.", hint=TRAIN_HINT)
    return known[place]


def _load_kept(folder: Path, version: Version) -> tuple[bytes, QuantArtefact]:
    for suffix in (SUFFIX, OLD_SUFFIX):
        path = _kept(folder, version, suffix)
        try:
            body = _read(path)
        except FileNotFoundError:
            continue
        return body, _checked(body, (version,), path)
    raise ArtefactError(f"The kept model {_kept(folder, version)} is gone.", hint=TRAIN_HINT)


def _rewrite(folder: Path, version: Version) -> Version | None:
    """Write an old version's copy anew; None when it is not old, or cannot be read."""
    try:
        body, artefact = _load_kept(folder, version)
    except ArtefactError:
        return None
    if not is_old(body):
        return None
    fresh = encode_artefact(artefact)
    renewed = msgspec.structs.replace(version, sha256=hashlib.sha256(fresh).hexdigest())
    replace_atomically(_kept(folder, renewed), fresh)
    return renewed


def _kept(folder: Path, version: Version, suffix: str = SUFFIX) -> Path:
    return folder / REGISTRY.parent / f"{version.model_id}-{version.sha256[:8]}{suffix}"


def _known_or_none(folder: Path) -> tuple[Version, ...]:
    """List what the registry knows; one that cannot be read is begun anew by a new model."""
    try:
        return versions(folder)
    except ArtefactError:
        return ()


def _checked(body: bytes, known: tuple[Version, ...], path: Path) -> QuantArtefact:
    fingerprint = hashlib.sha256(body).hexdigest()
    if fingerprint not in {version.sha256 for version in known}:
        raise ArtefactError(
            f"{path} is not a model this engine wrote: its SHA-256 {fingerprint[:12]}… is not in the registry. "
            "It was changed, cut short or brought from elsewhere, and is not used.",
            hint=HINT,
        )
    try:
        return decode_artefact(body)
    except ArtefactError as error:
        raise ArtefactError(f"{path}: {error.message}", hint=error.hint) from error


def _read(path: Path) -> bytes:
    return read_bounded(path, BYTES_MAX, HINT)


def _write_registry(folder: Path, kept: Sequence[Version]) -> None:
    body = msgspec.json.format(msgspec.json.encode(Registry(versions=tuple(kept))), indent=2)
    replace_atomically(folder / REGISTRY, body + b"\n")
