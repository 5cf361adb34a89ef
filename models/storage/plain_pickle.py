"""Pickles of plain data only: written without classes, read by an unpickler that admits none."""

from __future__ import annotations

import io
import pickle
from typing import Any

from core.errors import ArtefactError

BYTES_MAX = 32 * 1024 * 1024
HINT = "Delete the file and POST /quant/retrain."
_SCALARS = (str, bytes, int, float, bool, type(None))
_BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError,
    RecursionError, OverflowError,
)  # fmt: skip


class _PlainUnpickler(pickle.Unpickler):
    """Admits no class, so that nothing can be called while a file is read."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it holds {module}.{name}, and only plain data is admitted")


def dump(content: dict[str, Any]) -> bytes:
    """Pickle nested dicts and lists of str, bytes, int, float, bool and None.

    Raises
    ------
    TypeError
        When anything else is in it.
    """
    _check_plain(content)
    return pickle.dumps(content, protocol=4)


def load(body: bytes) -> dict[str, Any]:
    """Read such a pickle.

    Raises
    ------
    ArtefactError
        When it is too large, truncated, no pickle, or holds anything but plain data. Nothing was run.
    """
    if len(body) > BYTES_MAX:
        raise ArtefactError(
            f"The model file has {len(body)} bytes, more than the {BYTES_MAX} allowed.", hint=HINT
        )
    try:
        content = _PlainUnpickler(io.BytesIO(body)).load()
        _check_plain(content)
    except _BROKEN as error:
        raise ArtefactError(f"The model file is no pickle of plain data: {error}.", hint=HINT) from error
    if not isinstance(content, dict):
        raise ArtefactError(f"The model file holds a {type(content).__name__}, not a dict.", hint=HINT)
    return content


def _check_plain(value: object) -> None:
    if type(value) is dict:
        for key, held in value.items():
            if type(key) is not str:
                raise TypeError(f"a key is a {type(key).__name__}, not a str")
            _check_plain(held)
    elif type(value) is list:
        for held in value:
            _check_plain(held)
    elif type(value) not in _SCALARS:
        raise TypeError(f"a {type(value).__name__} is not plain data")
