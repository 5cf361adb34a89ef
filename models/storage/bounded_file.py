"""Reading an artefact's file that may be anything: see `config.bounded_file`; what is refused is no artefact."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from config import bounded_file
from core.errors import ArtefactError


def read_bounded(path: Path, bytes_max: int, hint: str) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    bytes_max : int
        A larger file is refused before it is read.
    hint : str
        What the operator should do about a file that is refused.

    Raises
    ------
    FileNotFoundError
        When there is none.
    ArtefactError
        When it is no regular file, too large, or unreadable.
    """
    return bounded_file.read_bounded(path, bytes_max, partial(ArtefactError, hint=hint))
