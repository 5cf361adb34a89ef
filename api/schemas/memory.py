"""What is remembered of a ticker, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.base import TICKER, Data, ResponseSchema, example


class FactAnswer(ResponseSchema):
    """A statement, and the time in which it was true."""

    uuid: str
    name: str = Field(description="What kind: `DECIDED_TO_ENTER`, `HOLDS`, `RETURNED`, ...")
    fact: str
    source: str
    target: str
    valid_at: datetime
    invalid_at: datetime | None = Field(description="Null while it is still true.")
    episodes: list[str] = Field(description="The ledger rows that tell of it, by their uuid in the graph.")


class MemoryAnswer(ResponseSchema):
    """What is remembered of a ticker, newest first."""

    model_config = example(
        ticker="NVDA", answered_by="sqlite", fault="",
        facts=[{
            "uuid": "0d2d5ac2-3e0f-5c64-9a2f-7c1c3e0f6f55", "name": "RETURNED",
            "fact": (
                "NVDA, bought 2025-06-20 at 144.10 USD (low_vol, Semiconductors, score +0.52), returned +9.7% by "
                "2025-06-30: sold by take_profit; right: quant +0.60"
            ),
            "source": "f-000012", "target": "NVDA", "valid_at": "2025-06-30T14:30:00Z", "invalid_at": None,
            "episodes": ["5b0f0f0e-8f6e-5b0e-8a67-1e1a7c1f2a10"],
        }],
    )  # fmt: skip

    ticker: str = TICKER
    answered_by: Literal["neo4j", "sqlite"] = Field(validation_alias="origin")
    fault: str = Field(description="Why the configured store did not answer; empty when it did.")
    facts: list[FactAnswer]
    data: Data
