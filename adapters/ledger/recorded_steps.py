"""Recorded steps that are read when they are looked at, and not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from adapters.ledger.database import Database
from adapters.ledger.rows import decode_report
from core.types import StepReport


class RecordedSteps(Sequence[StepReport]):
    """Steps by their places in the ledger, each read anew whenever it is asked for.

    All steps of a session at once are tens of megabytes of small objects; what a daemon keeps meanwhile comes to
    lie between them, so that their pages do not go back when they do.

    Parameters
    ----------
    places : sequence of int
        Of the ledger's `steps`, in the order they are given in.
    """

    def __init__(self, database: Database, places: Sequence[int]) -> None:
        self._database = database
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> StepReport: ...

    @overload
    def __getitem__(self, index: slice) -> RecordedSteps: ...

    def __getitem__(self, index: int | slice) -> StepReport | RecordedSteps:
        if isinstance(index, slice):
            return RecordedSteps(self._database, self._places[index])
        ((body,),) = self._database.read("SELECT report FROM steps WHERE sequence = ?", (self._places[index],))
        return decode_report(body)
