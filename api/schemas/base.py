"""The parts that all responses share: where the data came from and how old it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from core.service import Service

EXAMPLE_DATA: JsonDict = {
    "source": "yfinance", "as_of": "2025-06-30T19:45:00Z", "bars_until": "2025-06-27", "stale": {},
    "feed_fault": "",
}  # fmt: skip


class ResponseSchema(BaseModel):
    """A JSON response, read from the noun it describes: each field from the attribute of its name or alias."""

    model_config = ConfigDict(frozen=True, from_attributes=True, validate_by_name=True)

    @classmethod
    def of(cls, noun: object, /, **others: object) -> Self:
        """Describe a noun; `others` are the fields that it does not have itself."""
        return cls.model_validate(_Joined(noun, others) if others else noun)


class _Joined:
    """A noun's attributes, and others before them."""

    def __init__(self, noun: object, others: Mapping[str, object]) -> None:
        self._noun, self._others = noun, others

    def __getattr__(self, name: str) -> object:
        return self._others[name] if name in self._others else getattr(self._noun, name)


def finite(value: float) -> float | None:
    """Turn what is not a number into null."""
    return value if math.isfinite(value) else None


Finite = Annotated[float | None, BeforeValidator(finite)]
TICKER = Field(validation_alias="symbol")


class Data(ResponseSchema):
    """Where the market data came from, and what was wrong with it."""

    source: str = Field(
        description="`yfinance`, `alpaca`, `parquet` or `simulated`; `none yet` before the first look."
    )
    as_of: datetime = Field(description="The moment the answer is about.")
    bars_until: Annotated[str | None, BeforeValidator(lambda day: day or None)] = Field(
        default=None, description="The last session whose bar was known."
    )
    stale: dict[str, str] = Field(default_factory=dict, description="Symbols left out, and why.")
    feed_fault: str = Field(default="", description="Why the whole feed cannot be trusted; empty when it can.")

    @classmethod
    def of_now(cls, service: Service) -> Data:
        """Describe the feed as the status has it."""
        status = msgspec.json.decode(service.status(), type=_Status)
        return cls(
            source=status.data.source or "none yet",
            as_of=status.as_of,
            bars_until=status.data.bars_until,
            stale=status.data.stale,
            feed_fault=status.data.fault,
        )


class _Feed(msgspec.Struct):
    source: str | None = None
    bars_until: str | None = None
    fault: str = ""
    stale: dict[str, str] = {}


class _Status(msgspec.Struct):
    as_of: datetime
    data: _Feed = msgspec.field(default_factory=_Feed)


class Abstained(ResponseSchema):
    """An agent that said nothing, and why."""

    agent: str
    ticker: str = Field(validation_alias="symbol", description="`*` stands for all.")
    reason: str


def example(**fields: Any) -> ConfigDict:
    """Document a response by one example."""
    return ConfigDict(json_schema_extra={"examples": [{**fields, "data": EXAMPLE_DATA}]})
