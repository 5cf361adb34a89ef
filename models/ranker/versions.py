"""The ranker's file and its registry: written atomically, checked by SHA-256, rolled back on demand.

`quant_xgboost_v8.pkl` is the model in use; deleting it means there is none. `registry/` keeps the last
versions and `registry.json`, which knows each one's SHA-256: a file the registry did not write is refused
before it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import ArtefactError
from models.ranker.artefact import QuantArtefact, from_plain
from models.storage.atomic_file import replace_atomically
from models.storage.plain_pickle import BYTES_MAX, HINT, dump, load

FILE = "quant_xgboost_v8.pkl"
REGISTRY = Path("registry") / "registry.json"
VERSIONS_KEPT = 30  # half a year of weekly retrains: what they said then can be judged now
FILE_NAME = re.compile(r"[\w-]+")
TRAIN_HINT = "POST /quant/retrain trains a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A model the registry knows.

    Attributes
    ----------
    sha256 : str
        Of the file, hexadecimal.
    saved_at : str
        ISO time, UTC.
    """

    model_id: str
    sha256: str
    saved_at: str
    labels_end: str
    samples: int


def save(artefact: QuantArtefact, folder: Path, saved_at: datetime) -> Version:
    """Keep a model and put it in use.

    The kept copy and the registry are written first, the file in use last: a stop in between leaves the
    old model in use and known.
    """
    body = dump(artefact.to_plain())
    version = Version(
        model_id=artefact.model_id, sha256=hashlib.sha256(body).hexdigest(), saved_at=saved_at.isoformat(),
        labels_end=artefact.labels_end, samples=artefact.samples,
    )  # fmt: skip
    replace_atomically(_kept(folder, version), body)
    others = [known for known in _known_or_none(folder) if known.sha256 != version.sha256]
    kept = [*others, version][-VERSIONS_KEPT:]
    replace_atomically(folder / REGISTRY, _registry_body(kept))
    replace_atomically(folder / FILE, body)
    for gone in set(others) - set(kept):
        _kept(folder, gone).unlink(missing_ok=True)
    return version


def load_current(folder: Path) -> QuantArtefact | None:
    """Read the model in use; None when there is no file.

    Raises
    ------
    ArtefactError
        When the file is not, byte for byte, one that the registry wrote, or does not hold a ranker.
    """
    try:
        body = _read(folder / FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtefactError(f"{folder / FILE} cannot be read: {error}.", hint=HINT) from error
    return _checked(body, versions(folder), folder / FILE)


def versions(folder: Path) -> tuple[Version, ...]:
    """List the models kept, oldest first.

    Raises
    ------
    ArtefactError
        When the registry cannot be read as one.
    """
    path = folder / REGISTRY
    try:
        content = json.loads(_read(path))
        return tuple(_version(entry) for entry in content["versions"])
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise ArtefactError(
            f"The models' registry {path} cannot be read: {error!r}.",
            hint=f"Delete it and {FILE}, then POST /quant/retrain.",
        ) from error


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
    path = _kept(folder, known)
    try:
        return _checked(_read(path), (known,), path)
    except OSError as error:
        raise ArtefactError(f"The kept model {path} cannot be read: {error}.", hint=TRAIN_HINT) from error


def in_use(folder: Path) -> str:
    """Give the SHA-256 of the model in use; empty when there is none."""
    path = folder / FILE
    return hashlib.sha256(_read(path)).hexdigest() if path.exists() else ""


def rollback(folder: Path) -> QuantArtefact:
    """Put the version before the one in use back in use.

    Raises
    ------
    ArtefactError
        When there is none before it, or its kept copy was changed.
    """
    known = versions(folder)
    path, used = folder / FILE, in_use(folder)
    places = [index for index, version in enumerate(known) if version.sha256 == used]
    place = (places[0] if places else len(known)) - 1
    if place < 0:
        raise ArtefactError("There is no earlier ranker to go back to.", hint=TRAIN_HINT)
    kept = _kept(folder, known[place])
    if not kept.exists():
        raise ArtefactError(f"The kept model {kept} is gone.", hint=TRAIN_HINT)
    body = _read(kept)
    artefact = _checked(body, (known[place],), kept)
    replace_atomically(path, body)
    return artefact


def _kept(folder: Path, version: Version) -> Path:
    return folder / REGISTRY.parent / f"{version.model_id}-{version.sha256[:8]}.pkl"


def _known_or_none(folder: Path) -> tuple[Version, ...]:
    """List what the registry knows; one that cannot be read is begun anew by a new model."""
    try:
        return versions(folder)
    except ArtefactError:
        return ()


def _checked(body: bytes, known: tuple[Version, ...], path: Path) -> QuantArtefact:
    seal = hashlib.sha256(body).hexdigest()
    if seal not in {version.sha256 for version in known}:
        raise ArtefactError(
            f"{path} is not a model this engine wrote: its SHA-256 {seal[:12]}… is not in the registry. "
            "It was changed, cut short or brought from elsewhere, and is not used.",
            hint=HINT,
        )
    return from_plain(load(body))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)


def _version(entry: dict[str, Any]) -> Version:
    version = Version(**entry)
    names = (version.model_id, version.sha256, version.saved_at, version.labels_end)
    if any(type(name) is not str for name in names) or not FILE_NAME.fullmatch(version.model_id + version.sha256):
        raise ValueError(f"an entry is no version: {entry}")
    return version


def _registry_body(kept: list[Version]) -> bytes:
    entries = [{name: getattr(version, name) for name in Version.__dataclass_fields__} for version in kept]
    return (json.dumps({"versions": entries}, indent=2) + "\n").encode()
