"""What is kept of an exported FinBERT: the served ONNX file, its tokenizer, and a manifest with their digests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import ArtefactError
from models.sentiment.finbert_folder import sha256_of

MANIFEST, TOKENIZER = "finbert.json", "tokenizer.json"
INT8, FP32 = "finbert-int8.onnx", "finbert-fp32.onnx"
HINT = "Delete the folder: it is made again from the model."


@dataclass(frozen=True, slots=True, kw_only=True)
class FinbertArtefact:
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

    source: str
    source_digest: str
    labels: tuple[str, ...]
    served: str
    sha256: str
    tokenizer_sha256: str
    tokens_max: int
    difference: float
    difference_max: float

    @property
    def model_id(self) -> str:
        """A name that changes with anything that could change a tone."""
        kind = "int8" if self.served == INT8 else "fp32"
        return f"finbert-{kind}-{self.sha256[:8]}{self.tokenizer_sha256[:4]}-{self.tokens_max}"


def keep(artefact: FinbertArtefact, folder: Path) -> None:
    """Write the manifest, last of all: without it the other files are nothing."""
    fresh = folder / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(asdict(artefact), indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / MANIFEST)


def read(folder: Path) -> FinbertArtefact | None:
    """Read a kept artefact and check its files against their digests; None when there is none.

    Raises
    ------
    core.errors.ArtefactError
        When the manifest cannot be read, or a file is not the one it names.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        artefact = FinbertArtefact(**{**content, "labels": tuple(content["labels"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtefactError(f"{folder / MANIFEST} cannot be read: {error!r}.", hint=HINT) from error
    if artefact.served not in (INT8, FP32):
        raise ArtefactError(f"{folder / MANIFEST} names the file {artefact.served!r}.", hint=HINT)
    for file, wanted in ((artefact.served, artefact.sha256), (TOKENIZER, artefact.tokenizer_sha256)):
        path = folder / file
        if not path.is_file() or sha256_of(path) != wanted:
            raise ArtefactError(f"{path} is missing, or not the file this engine wrote.", hint=HINT)
    return artefact
