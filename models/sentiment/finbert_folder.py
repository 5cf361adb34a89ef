"""A FinBERT's folder: where it is, whether it is whole, and what its labels mean."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.storage.bounded_file import read_bounded

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
VOCABULARIES = ("tokenizer.json", "vocab.txt")
FETCHED = (CONFIG, WEIGHTS, "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
NEEDED_HINT = f"Point FINBERT_PATH at a folder with {CONFIG}, {WEIGHTS} and vocab.txt or tokenizer.json."
LABEL_SCORES = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}
CHUNK_BYTES = 1 << 22
TEXT_BYTES_MAX = 64 * 2**20
VOCABULARY_PADDING_MAX = 64  # some models round their vocabulary up


@dataclass(frozen=True, slots=True, kw_only=True)
class FinbertFolder:
    """A folder that has all it needs, tokenizer and weights side by side, so of one revision.

    Attributes
    ----------
    name : str
        The folder's name or the hub's `repository@commit`.
    labels : tuple of str
        The model's own labels, lower case, in the order of its outputs.
    digest : str
        SHA-256 over configuration, weights and tokenizer.
    """

    path: Path
    name: str
    labels: tuple[str, ...]
    digest: str


def read_folder(path: Path, name: str = "") -> FinbertFolder:
    """Check a folder and take its fingerprint.

    Raises
    ------
    core.errors.ArtefactError
        When a file is missing or unreadable, the weights are no safetensors, the labels are not FinBERT's, or the
        tokenizer does not fit the weights.
    """
    if not path.is_dir():
        raise ArtefactError(f"There is no FinBERT folder at {path}.", hint=NEEDED_HINT)
    config = _json(path / CONFIG)
    if not (path / WEIGHTS).is_file():
        others = sorted(p.name for p in path.iterdir() if p.suffix in (".bin", ".pt", ".h5", ".msgpack"))
        refused = f" {', '.join(others)} may run code when loaded and is not read." if others else ""
        raise ArtefactError(f"{path} has no {WEIGHTS}.{refused}", hint="Use a revision with safetensors weights.")
    tokenizers = [path / file for file in VOCABULARIES if (path / file).is_file()]
    if not tokenizers:
        raise ArtefactError(f"{path} has no tokenizer: neither {' nor '.join(VOCABULARIES)}.", hint=NEEDED_HINT)
    labels = labels_of(config, path)
    _check_vocabulary(config, tokenizers, path)
    optional = [path / file for file in FETCHED if file not in (CONFIG, WEIGHTS, *VOCABULARIES)]
    files = [path / CONFIG, path / WEIGHTS, *tokenizers, *(p for p in optional if p.is_file())]
    return FinbertFolder(path=path, name=name or path.name, labels=labels, digest=_fingerprint(files))


def labels_of(config: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Read the labels in the order of the outputs, from the model's own `id2label`.

    Raises
    ------
    core.errors.ArtefactError
        When they are not positive, negative and neutral.
    """
    stated: Any = config.get("id2label")
    try:
        labels = tuple(str(stated[str(place)]).strip().lower() for place in range(len(stated)))
    except (KeyError, TypeError):
        labels = ()
    if sorted(labels) != sorted(LABEL_SCORES):
        raise ArtefactError(
            f"{path / CONFIG} has the labels {stated!r}; a FinBERT's are positive, negative and neutral, so "
            "what its outputs mean is unknown.",
            hint="Use a model whose id2label names those three.",
        )
    return labels


def cached_folder(repository: str, revision: str, *, download: bool) -> FinbertFolder:
    """Find a model in the hub's cache, fetching it first if that is wanted.

    Raises
    ------
    core.errors.ArtefactError
        When it is not there, or cannot be fetched.
    """
    if not download and not (hub_cache() / f"models--{repository.replace('/', '--')}").is_dir():
        raise ArtefactError(
            f"{repository} is not in the hub's cache and sentiment.download is false.",
            hint=f"{NEEDED_HINT[:-1]}, or set sentiment.download.",
        )
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # heavy: imported at first use
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        found = snapshot_download(
            repository, revision=revision, local_files_only=not download, allow_patterns=list(FETCHED),
            etag_timeout=10,
        )  # fmt: skip
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise ArtefactError(
            f"{repository}@{revision} is not to be had: {plain_reason(error)}.", hint=NEEDED_HINT
        ) from error
    return read_folder(Path(found), f"{repository}@{Path(found).name[:12]}")


def hub_cache() -> Path:
    """Give the folder of the hub's cache, by the hub's own variables."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _check_vocabulary(config: Mapping[str, Any], tokenizers: list[Path], path: Path) -> None:
    size: Any = config.get("vocab_size")
    for file in tokenizers:
        if file.name == "vocab.txt":
            words = len(_text(file).splitlines())
        else:
            words = len(_json(file).get("model", {}).get("vocab", {}))
        if not isinstance(size, int) or not 0 <= size - words <= VOCABULARY_PADDING_MAX:
            raise ArtefactError(
                f"{path}: {file.name} has {words} words and {CONFIG} says {size}: they are of different models.",
                hint="Take tokenizer, configuration and weights from one revision.",
            )


def _text(path: Path) -> str:
    try:
        return read_bounded(path, TEXT_BYTES_MAX, NEEDED_HINT).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} cannot be read: {plain_reason(error)}.", hint=NEEDED_HINT) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is not readable: {plain_reason(error)}.", hint=NEEDED_HINT) from error
    if not isinstance(content, dict):
        raise ArtefactError(f"{path} holds no object.", hint=NEEDED_HINT)
    return content


def sha256_of(path: Path) -> str:
    """Give a file's SHA-256, read in pieces."""
    return _fingerprint([path])


def _fingerprint(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            while piece := content.read(CHUNK_BYTES):
                digest.update(piece)
    return digest.hexdigest()
