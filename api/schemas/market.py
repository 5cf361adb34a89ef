"""The market as JSON: regime, sector scan and ranking."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.base import TICKER, Abstained, Data, Finite, ResponseSchema, example
from core.errors import DataError
from core.service import AnalysisReport
from core.types import RankedStock

PUSHES_MAX = 3


class RegimeAnswer(ResponseSchema):
    """The market's state by the forward-filtered HMM."""

    model_config = example(
        regime="low_vol", confidence=0.93, probabilities={"low_vol": 0.93, "high_vol": 0.07},
        as_of="2025-06-27T20:00:00Z", exposure_scale=0.97, model_id="regime-5d1f",
        market_open=True,
    )  # fmt: skip

    regime: str = Field(description="`low_vol` or `high_vol`.")
    confidence: float = Field(ge=0, le=1)
    probabilities: dict[str, float]
    as_of: datetime
    exposure_scale: float = Field(description="What the state allows of the portfolio's exposure.", ge=0, le=1)
    model_id: str
    market_open: bool = Field(description="Whether the exchange trades at `data.as_of`.")
    data: Data

    @classmethod
    def of_analysis(cls, report: AnalysisReport) -> RegimeAnswer:
        """Describe the regime.

        Raises
        ------
        DataError
            When there is none to describe.
        """
        regime = report.analysis.regime
        if regime is None:
            raise DataError(f"There is no regime: {_why(report)}.", hint="GET /status says what is degraded.")
        return cls.of(regime, regime=regime.name, market_open=report.market_open, data=Data.of(report))


class SectorAnswer(ResponseSchema):
    """A sector's momentum against SPY."""

    rank: int
    sector: str
    etf: str
    score: Finite
    momentum: dict[str, Finite] = Field(description="Excess return by lookback, as fractions.")
    hot: bool
    picks: list[str]


class ScanAnswer(ResponseSchema):
    """All sectors ranked, the top ones with their stocks."""

    model_config = example(
        sectors=[{
            "rank": 1, "sector": "Semiconductors", "etf": "SMH", "score": 0.08,
            "momentum": {"4w": 0.05, "12w": 0.09, "26w": 0.1}, "hot": True, "picks": ["NVDA", "AVGO"],
        }],
        top_sectors=["Semiconductors"], picks={"Semiconductors": ["NVDA", "AVGO"]}, abstained=[],
    )  # fmt: skip

    sectors: list[SectorAnswer]
    top_sectors: list[str]
    picks: dict[str, list[str]]
    abstained: list[Abstained] = Field(validation_alias="abstentions")
    data: Data

    @classmethod
    def of_analysis(cls, report: AnalysisReport) -> ScanAnswer:
        """Describe the scan."""
        sectors = sorted(report.analysis.sectors, key=lambda sector: sector.rank)
        hot = [sector for sector in sectors if sector.hot]
        return cls.of(
            report.analysis,
            sectors=sectors,
            top_sectors=[sector.sector for sector in hot],
            picks={sector.sector: sector.picks for sector in hot},
            data=Data.of(report),
        )


class RankedAnswer(ResponseSchema):
    """A stock by the ranker."""

    rank: int
    ticker: str = TICKER
    p_outperform: float = Field(ge=0, le=1)
    candidate: bool = Field(description="Whether it may be bought.")
    sector: str
    price: Finite
    factors: dict[str, Finite] = Field(description="Cross-sectional z-scores, winsorized at 3.")
    pushed_up: dict[str, float] = Field(description="The factors that raised it most, in log-odds.")
    pushed_down: dict[str, float] = Field(description="The factors that lowered it most, in log-odds.")
    model_id: str

    @classmethod
    def of_stock(cls, stock: RankedStock, candidates: tuple[str, ...]) -> RankedAnswer:
        """Describe a ranked stock and what moved it."""
        pushes = sorted(stock.contributions.items(), key=lambda push: push[1])
        return cls.of(
            stock,
            candidate=stock.symbol in candidates,
            pushed_up={name: value for name, value in pushes[::-1][:PUSHES_MAX] if value > 0},
            pushed_down={name: value for name, value in pushes[:PUSHES_MAX] if value < 0},
        )


class RankAnswer(ResponseSchema):
    """The universe ranked by the probability to outperform."""

    model_config = example(
        ranking=[{
            "rank": 1, "ticker": "NVDA", "p_outperform": 0.58, "candidate": True,
            "sector": "Semiconductors", "price": 157.99, "factors": {"momentum_63d": 1.9, "rsi_14": 1.2},
            "pushed_up": {"momentum_63d": 0.31}, "pushed_down": {"gk_vol": -0.08}, "model_id": "quant-v8-0c2a",
        }],
        abstained=[],
    )  # fmt: skip

    ranking: list[RankedAnswer]
    abstained: list[Abstained] = Field(validation_alias="abstentions")
    data: Data

    @classmethod
    def of_analysis(cls, report: AnalysisReport) -> RankAnswer:
        """Describe the ranking."""
        stocks = sorted(report.analysis.ranking, key=lambda stock: stock.rank)
        ranking = [RankedAnswer.of_stock(stock, report.analysis.candidates) for stock in stocks]
        return cls.of(report.analysis, ranking=ranking, data=Data.of(report))


def _why(report: AnalysisReport) -> str:
    reasons = [abstention.reason for abstention in report.analysis.abstentions]
    return report.feed_fault or "; ".join(reasons[:3]) or "no agent said why"
