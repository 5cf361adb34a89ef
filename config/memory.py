"""Settings of the memory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class MemorySettings(Frozen):
    """The memory of past situations; it explains, it has no vote.

    Attributes
    ----------
    recall_facts_max : int
        How many similar past situations a decision is shown for each stock; 0 recalls nothing.
    page_steps : int
        How many steps of the ledger are written to the graph in one transaction.
    timeout_seconds : float
        A graph that does not answer within it counts as down.
    look_seconds : float
        How often the ledger is looked at for what the graph has not got yet.
    """

    recall_facts_max: Annotated[int, Field(ge=0, le=20)] = 3
    page_steps: Annotated[int, Field(ge=1, le=5000)] = 500
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    look_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
