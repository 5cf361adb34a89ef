"""Equity over time as JSON."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field

from api.schemas.base import Data, ResponseSchema, example


class EquityPointAnswer(ResponseSchema):
    """One session, in US dollars; null where there is nothing to say."""

    session: date
    equity: Decimal | None = Field(description="Cash plus market value after the session's last step.")
    drawdown: float | None = Field(description="Distance below the peak, a fraction at or below 0.")
    regime: str | None = Field(description="`low_vol` or `high_vol`, as the session's last decision saw it.")
    spy: float | None = Field(validation_alias="benchmark", description="What the first equity would be in SPY.")
    external_flow: Decimal = Field(description="What a person paid in (or, negative, took out): no profit.")
    equal_weight: float | None = Field(
        description="What the first equity would be, spread evenly over the universe, without costs."
    )


class EquityAnswer(ResponseSchema):
    """Equity beside the market, oldest session first."""

    model_config = example(
        points=[{
            "session": "2025-06-27", "equity": "101250.40", "drawdown": -0.012, "regime": "low_vol",
            "spy": 102110.5, "external_flow": "0",
            "equal_weight": 101730.2,
        }],
    )  # fmt: skip

    points: list[EquityPointAnswer]
    data: Data
