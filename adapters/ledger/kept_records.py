"""Records as a state file keeps them: what cannot be one is a LedgerError that names the file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from core.errors import InvariantError, LedgerError
from core.plain_words import plain_reason

Record = TypeVar("Record")
AMOUNT_MAX = Decimal(10) ** 15  # dollars or shares: more is no account's
BROKEN = (msgspec.MsgspecError, InvariantError, ArithmeticError, ValueError, TypeError, KeyError, RecursionError)
HINT = "The file was changed by other means; put a backup in its place, and start again."


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what fails while a kept record is read into a LedgerError.

    Parameters
    ----------
    what : str
        The record and its file, for the message.
    """
    try:
        yield
    except BROKEN as error:
        raise LedgerError(f"{what} cannot be read: {plain_reason(error)}.", hint=HINT) from error


class RecordDecoder(Generic[Record]):
    """Reads JSON records whose amounts must be finite, and below 10^15.

    Parameters
    ----------
    what : str
        The record and its file, for messages.
    fault_of : callable
        What else is wrong with a record; empty for nothing.
    """

    def __init__(self, kind: type[Record], what: str, fault_of: Callable[[Record], str] = lambda _: "") -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._what = what
        self._fault_of = fault_of

    def decode(self, body: bytes) -> Record:
        """Read a record.

        Raises
        ------
        core.errors.LedgerError
            When it is none, or no account could hold it.
        """
        with reading(self._what):
            record = self._decoder.decode(body)
            if fault := next(_not_amounts(record, ()), "") or self._fault_of(record):
                raise ValueError(fault)
        return record


def _not_amounts(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Name the numbers that no account can hold."""
    if isinstance(value, Decimal | float):
        if not (math.isfinite(value) and -AMOUNT_MAX < value < AMOUNT_MAX):
            yield f"{'.'.join(path)} is {value!s:.40}"
        return
    for name, one in _members(value):
        yield from _not_amounts(one, (*path, name))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        yield from ((name, getattr(value, name)) for name in value.__struct_fields__)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, Mapping):
        yield from ((str(name), one) for name, one in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(place), one) for place, one in enumerate(value))
