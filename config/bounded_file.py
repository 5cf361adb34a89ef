"""Reading a file that may be anything: regular ones only, within a bound of bytes, never waiting for a writer."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from core.errors import EngineError
from core.plain_words import plain_reason

KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def read_bounded(path: Path, bytes_max: int, refused: Callable[[str], EngineError]) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    bytes_max : int
        A larger file is refused before it is read.
    refused : callable
        Makes the error to raise from what is wrong with the file: settings, models and state files differ in what
        a refusal means.

    Raises
    ------
    FileNotFoundError
        When there is none.
    core.errors.EngineError
        When it is no regular file (a FIFO would be waited for without end), too large, or unreadable.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if fault := _fault(os.fstat(handle), bytes_max):
                raise refused(f"{path} {fault}")
            with os.fdopen(handle, "rb", closefd=False) as file:
                body = file.read(bytes_max + 1)  # what grows while it is read is bounded too
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise refused(f"{path} cannot be read: {plain_reason(error)}.") from error
    if len(body) > bytes_max:
        raise refused(f"{path} has more than the {bytes_max} bytes allowed.")
    return body


def _fault(status: os.stat_result, bytes_max: int) -> str:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(status.st_mode)), "something else")
        return f"is {kind}, not a regular file, and is not read."
    return f"has {status.st_size} bytes, more than the {bytes_max} allowed." if status.st_size > bytes_max else ""
