"""Reading the pickles of plain data that engines up to 0.1 wrote, without running anything.

Only the operations that such a file consists of are admitted: no class, no call, no memo slot of choice. So a
file neither runs code nor asks for memory that it does not itself fill.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from itertools import islice
from typing import Any

from core.errors import ArtefactError
from core.plain_words import plain_reason

MAGIC = b"\x80\x04"
OPERATIONS_MAX = 200_000
VALUES_MAX = 400_000
DEPTH_MAX = 16
OPERATIONS = frozenset((
    "PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINGET", "LONG_BINGET", "EMPTY_DICT", "SETITEM", "SETITEMS",
    "EMPTY_LIST", "APPEND", "APPENDS", "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BININT",
    "BININT1", "BININT2", "LONG1", "BINFLOAT", "NEWTRUE", "NEWFALSE", "NONE",
))  # fmt: skip
_SCALARS = (str, bytes, int, float, bool, type(None))
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError,
    RecursionError, OverflowError,
)  # fmt: skip


class _PlainUnpickler(pickle.Unpickler):
    """Admits no class, so that nothing can be called while a file is read."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it holds {module}.{name}, and only plain data is admitted")


def is_old(body: bytes) -> bool:
    """Tell whether a file begins as the old pickles do; msgpack of a struct never does."""
    return body.startswith(MAGIC)


def load(body: bytes, hint: str) -> dict[str, Any]:
    """Read nested dicts and lists of str, bytes, int, float, bool and None.

    Parameters
    ----------
    body : bytes
        Within the reader's bound already (`models.storage.bounded_file`).

    Raises
    ------
    ArtefactError
        When it is truncated, no pickle, or holds anything but plain data. Nothing was run.
    """
    try:
        _check_operations(body)
        content = _PlainUnpickler(io.BytesIO(body)).load()
        _check_values(content)
    except _BROKEN as error:
        raise ArtefactError(
            f"The old model file is no pickle of plain data: {plain_reason(error)}.", hint=hint
        ) from error
    if type(content) is not dict:
        raise ArtefactError(f"The old model file holds a {type(content).__name__}, not a dict.", hint=hint)
    return content


def _check_operations(body: bytes) -> None:
    """Look at every operation before one is carried out."""
    count = 0
    for operation, _, _ in islice(pickletools.genops(body), OPERATIONS_MAX + 1):
        count += 1
        if operation.name not in OPERATIONS:
            raise pickle.UnpicklingError(f"it holds {operation.name}, and only plain data is admitted")
    if count > OPERATIONS_MAX:
        raise pickle.UnpicklingError(f"it has more than {OPERATIONS_MAX} operations")


def _check_values(content: object) -> None:
    """Walk what was read; lists that hold one another would multiply without end, so the walk is bounded."""
    waiting = [(content, 0)]
    for _ in range(VALUES_MAX):
        if not waiting:
            return
        value, depth = waiting.pop()
        if type(value) is dict:
            if any(type(key) is not str for key in value):
                raise TypeError("a key is not a str")
            waiting += [(held, depth + 1) for held in value.values()]
        elif type(value) is list:
            waiting += [(held, depth + 1) for held in value]
        elif type(value) not in _SCALARS:
            raise TypeError(f"a {type(value).__name__} is not plain data")
        if depth > DEPTH_MAX:
            raise ValueError(f"it is nested more than {DEPTH_MAX} deep")
        if len(waiting) > VALUES_MAX:
            break
    raise ValueError(f"it holds more than {VALUES_MAX} values")
