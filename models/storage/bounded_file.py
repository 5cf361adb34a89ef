"""Reading a file that may be anything: regular ones only, within a bound of bytes, never waiting for a writer."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from core.errors import ArtefactError

KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


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
        When it is no regular file (a FIFO would be waited for without end), too large, or unreadable.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            _check(path, os.fstat(handle), bytes_max, hint)
            body = file.read(bytes_max + 1)  # what grows while it is read is bounded too
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error}.", hint=hint) from error
    if len(body) > bytes_max:
        raise ArtefactError(f"{path} has more than the {bytes_max} bytes allowed.", hint=hint)
    return body


def _check(path: Path, status: os.stat_result, bytes_max: int, hint: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(status.st_mode)), "something else")
        raise ArtefactError(f"{path} is {kind}, not a regular file, and is not read.", hint=hint)
    if status.st_size > bytes_max:
        raise ArtefactError(f"{path} has {status.st_size} bytes, more than the {bytes_max} allowed.", hint=hint)
