"""Backtests as JSON: the report's figures as the child process made them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from api.schemas.base import EXAMPLE_DATA, Data, ResponseSchema

FIGURES = dict[str, Any]


class Figures(ResponseSchema):
    """What each backtest reports besides its own figures."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    hint: str = Field(description="Where its progress is seen while it runs; sent first.")
    status: str
    warnings: list[str] = Field(description="What the simulation never did: read before any figure.")
    caveats: list[str] = Field(description="What the figures mean; a universe picked with hindsight is named.")
    windows: list[FIGURES] = Field(description="The whole span first, then 2019-21 and 2022-25 where covered.")
    data: Data


class BacktestAnswer(Figures):
    """A strategy's figures beside those of SPY and the equal-weight portfolios."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "backtest-1-20250630T194500",
                    "hint": "trading-engine jobs backtest-1-20250630T194500",
                    "status": "done",
                    "total_return": 0.11,
                    "alpha": 0.003,
                    "sharpe": 0.3,
                    "drawdown_max": -0.13,
                    "win_rate": 0.41,
                    "turnover_per_year": 21.5,
                    "warnings": [],
                    "caveats": ["The universe was picked with hindsight."],
                    "windows": [{"name": "whole span"}],
                    "data": EXAMPLE_DATA,
                }
            ]
        },
    )

    @model_validator(mode="before")
    @classmethod
    def _with_headline(cls, report: dict[str, Any]) -> dict[str, Any]:
        """Give the strategy's figures over the whole span, which lie deeper in the report, on top too."""
        table = report["windows"][0].get("table") if report["windows"] else None
        return {**(table["strategy"] if table else {}), **report}

    run: str = Field("", description="Its name for `GET /backtests/NAME`, where it is kept with its curves.")
    deleted: list[str] = Field([], description="Older runs that were deleted for it: `backtest.kept_max`.")
    total_return: float
    alpha: float | None = Field(description="A year, against SPY.")
    sharpe: float | None
    drawdown_max: float
    win_rate: float | None
    turnover_per_year: float | None


class ScanBacktestAnswer(Figures):
    """What the scanner's picks did afterwards."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "scan_backtest-1-20250630T194500",
                    "hint": "trading-engine jobs scan_backtest-1-20250630T194500",
                    "status": "done",
                    "horizon": "21 sessions from the next open",
                    "warnings": [],
                    "caveats": ["The universe was picked with hindsight."],
                    "windows": [{"name": "whole span", "pick_hit_rate": 0.48}],
                    "years": [{"name": "2024", "pick_hit_rate": 0.5}],
                    "data": EXAMPLE_DATA,
                }
            ]
        },
    )

    horizon: str
    years: list[FIGURES]
