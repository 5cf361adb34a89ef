"""What a memory's store is: one transaction a page, and its own place in the ledger beside the rows."""

from __future__ import annotations

from typing import Protocol

from adapters.memory.records import Page
from core.errors import RecallError
from core.memory import Fact


class GraphStore(Protocol):
    """Keeps the graph. Every method but `close` raises `core.errors.RecallError` when it cannot.

    Attributes
    ----------
    name : str
        `neo4j` or `sqlite`.
    place : str
        Where it is, without secrets.
    """

    name: str
    place: str

    async def open(self, ledger: str) -> int:
        """Connect; return the sequence number of the last step written, 0 for none.

        Parameters
        ----------
        ledger : str
            The ledger's first decision: a graph written from another ledger is refused, untouched.
        """
        ...

    async def write(self, page: Page, after: int) -> None:
        """Write a page and move the place from `after` to its end, both or neither."""
        ...

    async def place_in_ledger(self) -> int:
        """Return the sequence number of the last step written; -1 when the mark is gone."""
        ...

    async def facts(self, symbol: str, limit: int) -> tuple[Fact, ...]:
        """Return what is known of a ticker, newest first."""
        ...

    async def wipe(self) -> None:
        """Forget what we wrote, and nothing else."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


def foreign(place: str, found: str) -> RecallError:
    """Describe that the graph was written from another ledger."""
    return RecallError(
        f"The graph at {place} was written from another ledger (its first step is {found}); it is left as it is.",
        hint="Point NEO4J_URI or STATE_DIR elsewhere, or: python -m daemon.wiring.memory_cli rebuild",
    )


class OutOfStep(RecallError):
    """Somebody else wrote in the meantime: the place has to be read again."""

    def __init__(self, place: str) -> None:
        super().__init__(f"The graph at {place} was written by somebody else in the meantime.")


def lost_things(place: str) -> RecallError:
    """Describe that something which was written is no longer there."""
    return RecallError(
        f"The graph at {place} has lost things that were written to it.",
        hint="Write it anew: python -m daemon.wiring.memory_cli rebuild",
    )
