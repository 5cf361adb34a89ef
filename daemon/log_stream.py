"""The log's stream: it never fails, never waits and never writes a secret, whatever became of its reader."""

from __future__ import annotations

import os
import select
import threading
from typing import TextIO

from core.masking import NO_SECRETS, SecretMask

DESCRIPTORS = (0, 1, 2)  # standard input, output and error
PART_BYTES = getattr(select, "PIPE_BUF", 512)  # what a pipe that is ready takes without making us wait


class LogStream:
    """A text stream whose reader may be gone, asleep or out of disk: what it does not take is lost, and counted.

    Parameters
    ----------
    stream : TextIO or None
        Where the log goes; None for nowhere, as when the process was started without a standard error.
    mask : SecretMask
        Taken out of whatever is written.

    Attributes
    ----------
    lost_writes : int
        Writes that were lost so far.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: TextIO | None, mask: SecretMask = NO_SECRETS) -> None:
        self._stream = stream
        self._mask = mask
        self._descriptor = _descriptor(stream)
        self._lock = threading.RLock()
        self._lost_writes = 0  # lost since the log last worked
        self._cut_off = False  # a line was written in part
        self.lost_writes = 0

    def write(self, text: str) -> int:
        """Write text without the secrets, or lose it."""
        masked = self._mask.text(text)
        with self._lock:
            if self._lost_writes and self._put(f'{{"event":"log.lost","writes":{self._lost_writes}}}\n'):
                self._lost_writes = 0
            if self._lost_writes or not self._put(masked):
                self._lost_writes += 1
                self.lost_writes += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is written is on its way."""

    def isatty(self) -> bool:
        """Return whether a person watches."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor.

        Raises
        ------
        OSError
            When there is none.
        """
        if self._descriptor is None:
            raise OSError("the log has no descriptor")
        return self._descriptor

    def _put(self, text: str) -> bool:
        """Write all of a text; return whether it was taken."""
        try:
            if self._descriptor is None:
                if self._stream is not None:
                    self._stream.write(text)
                return True
            rest = text.encode(self.encoding, self.errors)
            if self._cut_off:
                rest = b"\n" + rest
            whole = len(rest)
            while rest and _takes_more(self._descriptor):
                rest = rest[os.write(self._descriptor, rest[:PART_BYTES]) :]
                self._cut_off = bool(rest)
        except (OSError, ValueError):  # broken pipe, full disk, closed
            return False
        return not rest or whole == 0


def hold_standard_descriptors() -> None:
    """Put the null device where standard input, output or error is closed: a file of ours must not become one."""
    for descriptor in DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)


def drop_unwritten_output() -> None:
    """Point standard output and error at the null device: what is unwritten must not change the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in DESCRIPTORS[1:]:
        os.dup2(nowhere, descriptor)


def _takes_more(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows cannot ask
        return True
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return any(happened & (select.POLLOUT | select.POLLERR) for _, happened in asked.poll(0))


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
