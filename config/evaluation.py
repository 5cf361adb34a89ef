"""How a backtest is judged."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from config.frozen import Frozen

BillRate = tuple[date, Annotated[float, Field(ge=-0.05, le=1.0)]]
BILL_RATES: tuple[BillRate, ...] = (
    (date(2016, 1, 1), 0.003),
    (date(2017, 1, 1), 0.009),
    (date(2018, 1, 1), 0.019),
    (date(2019, 1, 1), 0.021),
    (date(2020, 1, 1), 0.004),
    (date(2021, 1, 1), 0.0005),
    (date(2022, 1, 1), 0.020),
    (date(2023, 1, 1), 0.051),
    (date(2024, 1, 1), 0.050),
    (date(2025, 1, 1), 0.041),
    (date(2026, 1, 1), 0.036),
)


class EvaluationSettings(Frozen):
    """What every book of a backtest's report is judged over.

    Attributes
    ----------
    bill_rates : tuple of (date, float)
        The rate that cash earns a year, from each day on, as a fraction; one entry is a constant, none is 0. By
        default the yearly means of the 3-month Treasury bill, rounded to 0.1 % (Federal Reserve, H.15).
    """

    bill_rates: tuple[BillRate, ...] = BILL_RATES

    @model_validator(mode="after")
    def ascending(self) -> EvaluationSettings:
        """Each rate holds until the next day named."""
        days = [day for day, _ in self.bill_rates]
        if days != sorted(set(days)):
            raise ValueError("the days of bill_rates must ascend")
        return self
