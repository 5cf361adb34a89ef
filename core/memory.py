"""What the memory holds: facts with the time they were true, and the facts of one ticker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A statement about two things, with the time in which it was true.

    Attributes
    ----------
    name : str
        What kind of statement: `DECIDED_TO_ENTER`, `HOLDS`, `RETURNED`, ...
    source, target : str
        The names of the two things, as in `(source)-[name]->(target)`.
    valid_at, invalid_at : datetime
        Since when it is true, and until when; None while it still is.
    episodes : tuple of str
        The ledger rows it was taken from, by their names in the graph.
    """

    uuid: str
    name: str
    fact: str
    source: str
    target: str
    valid_at: datetime
    invalid_at: datetime | None
    episodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """The facts that the memory holds of a ticker.

    Attributes
    ----------
    facts : tuple of Fact
        Newest first.
    origin : str
        Which memory answered: `neo4j` or `sqlite`.
    fault : str
        Why it was not the one that is configured; empty when it was.
    """

    symbol: str
    facts: tuple[Fact, ...]
    origin: str
    fault: str = ""
