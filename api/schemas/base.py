"""The parts that all responses share: where the data came from and how old it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from core.service import AnalysisReport, Service
from core.types import Abstention, StepReport

EXAMPLE_DATA: JsonDict = {
    "source": "yfinance", "as_of": "2025-06-30T19:45:00Z", "bars_until": "2025-06-27", "stale": {},
    "feed_fault": "",
}  # fmt: skip


class ResponseSchema(BaseModel):
    """A JSON response."""

    model_config = ConfigDict(frozen=True)


class Data(ResponseSchema):
    """Where the market data came from, and what was wrong with it."""

    source: str = Field(
        description="`yfinance`, `alpaca`, `parquet` or `simulated`; `none yet` before the first look."
    )
    as_of: datetime = Field(description="The moment the answer is about.")
    bars_until: str | None = Field(default=None, description="The last session whose bar was known.")
    stale: dict[str, str] = Field(default_factory=dict, description="Symbols left out, and why.")
    feed_fault: str = Field(default="", description="Why the whole feed cannot be trusted; empty when it can.")

    @classmethod
    def of_report(cls, report: StepReport) -> Data:
        """Describe the market data of a step."""
        return cls(
            source=report.source,
            as_of=report.as_of,
            bars_until=report.bars_until or None,
            stale=dict(report.stale),
            feed_fault=report.feed_fault,
        )

    @classmethod
    def of_analysis(cls, report: AnalysisReport) -> Data:
        """Describe the market data of an analysis."""
        return cls(
            source=report.source,
            as_of=report.as_of,
            bars_until=report.bars_until,
            stale=dict(report.stale),
            feed_fault=report.feed_fault,
        )

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
    ticker: str = Field(description="`*` stands for all.")
    reason: str

    @classmethod
    def of(cls, abstention: Abstention) -> Abstained:
        """Describe an abstention."""
        return cls(agent=abstention.agent, ticker=abstention.symbol, reason=abstention.reason)


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Turn what is not a number into null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def example(**fields: Any) -> ConfigDict:
    """Document a response by one example."""
    return ConfigDict(frozen=True, json_schema_extra={"examples": [{**fields, "data": EXAMPLE_DATA}]})
