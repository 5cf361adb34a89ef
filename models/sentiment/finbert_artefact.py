"""What is kept of an exported FinBERT: the served ONNX file, its tokenizer, and a manifest with their digests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import ArtefactError
from models.sentiment.finbert_folder import LABEL_SCORES, sha256_of
from models.storage.bounded_file import read_bounded
from models.storage.typed import decode_checked

MANIFEST, TOKENIZER = "finbert.json", "tokenizer.json"
INT8, FP32 = "finbert-int8.onnx", "finbert-fp32.onnx"
MANIFEST_BYTES_MAX, MODEL_BYTES_MAX = 2**16, 2**31
HINT = "Delete the folder: it is made again from the model."
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, Meta(max_length=20)]


class FinbertArtefact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest.

    Attributes
    ----------
    source : str
        Which model it was made of.
    source_digest : str
        SHA-256 of that model's files.
    labels : tuple of str
        In the order of the outputs.
    served : str
        The file in use: int8, or fp32 when int8 differed too much.
    difference : float
        Largest difference in a probability between int8 and torch fp32 on the sample.
    difference_max : float
        What was allowed.
    """

    source: Annotated[str, Meta(max_length=500)]
    source_digest: Digest
    labels: tuple[Label, ...]
    served: Annotated[str, Meta(pattern=r"^finbert-(int8|fp32)\.onnx$")]
    sha256: Digest
    tokenizer_sha256: Digest
    tokens_max: Annotated[int, Meta(ge=1, le=512)]
    difference: float
    difference_max: float

    @property
    def model_id(self) -> str:
        """A name that changes with anything that could change a score."""
        kind = "int8" if self.served == INT8 else "fp32"
        return f"finbert-{kind}-{self.sha256[:8]}{self.tokenizer_sha256[:4]}-{self.tokens_max}"


_DECODER = msgspec.json.Decoder(FinbertArtefact)


def keep(artefact: FinbertArtefact, folder: Path) -> None:
    """Write the manifest, last of all: without it the other files are nothing."""
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(artefact), indent=2) + b"\n")
    fresh.replace(folder / MANIFEST)


def read(folder: Path) -> FinbertArtefact | None:
    """Read a kept artefact and check its files against their digests; None when there is none.

    Raises
    ------
    core.errors.ArtefactError
        When the manifest cannot be read, or a file is not the one it names.
    """
    try:
        body = read_bounded(folder / MANIFEST, MANIFEST_BYTES_MAX, HINT)
    except FileNotFoundError:
        return None
    artefact = decode_checked(_DECODER.decode, body, str(folder / MANIFEST), HINT)
    if sorted(artefact.labels) != sorted(LABEL_SCORES):
        raise ArtefactError(f"{folder / MANIFEST} names the labels {artefact.labels}.", hint=HINT)
    for file, wanted in ((artefact.served, artefact.sha256), (TOKENIZER, artefact.tokenizer_sha256)):
        path = folder / file
        if not path.is_file() or path.stat().st_size > MODEL_BYTES_MAX or sha256_of(path) != wanted:
            raise ArtefactError(f"{path} is missing, too large, or not the file this engine wrote.", hint=HINT)
    return artefact
