"""A decision as JSON: each ticker's action and reasons, what risk approved or refused, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import AliasPath, Field

from api.schemas.base import TICKER, Abstained, Data, Finite, ResponseSchema, example
from api.schemas.market import SectorAnswer
from core.money import to_cents
from core.service import OrderRecord
from core.types import ApprovedOrder, Decision, MarketAnalysis, Order, RankedStock, StepReport

Outcome = Literal["approved", "refused", "no change"]
CYCLE = Field(validation_alias=AliasPath("cycle", "name"))
TRADING_STATE = Field(validation_alias=AliasPath("plan", "state"))


class VoteAnswer(ResponseSchema):
    """One agent's signal and the weight it had."""

    agent: str = Field(validation_alias=AliasPath("signal", "agent"))
    score: float = Field(validation_alias=AliasPath("signal", "score"), ge=-1, le=1)
    weight: float = Field(description="Share of the vote; the weights of those who spoke sum to 1.")
    confidence: float = Field(validation_alias=AliasPath("signal", "confidence"))
    reason: str = Field(validation_alias=AliasPath("signal", "reason"))
    model_id: str = Field(validation_alias=AliasPath("signal", "model_id"))


class SizeAnswer(ResponseSchema):
    """How much: share of equity, shares, and US dollars at the reference price."""

    weight: float
    quantity: Decimal
    usd: Decimal

    @classmethod
    def of_order(cls, approved: ApprovedOrder) -> SizeAnswer:
        """Describe an approved order's size."""
        order = approved.order
        return cls.of(order, weight=approved.weight, usd=to_cents(order.quantity * order.reference_price))


class CheckAnswer(ResponseSchema):
    """One limit applied to one order."""

    rule: str
    limit: str
    observed: str
    passed: bool


class TickerAnswer(ResponseSchema):
    """The decision for one ticker."""

    ticker: str = TICKER
    action: str = Field(description="`enter`, `exit` or `hold`.")
    score: float
    confidence: float
    rule: str = Field(description="What decided: `score`, or an exit rule.")
    outcome: Outcome
    size: SizeAnswer | None = Field(description="Null unless approved.")
    votes: list[VoteAnswer]
    reasons: list[str]
    p_outperform: float | None = Field(description="The ranker's probability; null where it said nothing.")
    factors: dict[str, Finite] = Field(description="Cross-sectional z-scores, winsorized at 3.")
    contributions: dict[str, float] = Field(description="What each factor added to the ranker's log-odds.")
    checks: list[CheckAnswer] = Field(description="The limits an approved order passed.")

    @classmethod
    def of_decision(
        cls, decision: Decision, outcome: Outcome, approved: ApprovedOrder | None, ranked: RankedStock | None
    ) -> TickerAnswer:
        """Describe a decision and what became of it."""
        return cls.of(
            decision,
            outcome=outcome,
            size=SizeAnswer.of_order(approved) if approved else None,
            p_outperform=ranked.p_outperform if ranked else None,
            factors=ranked.factors if ranked else {},
            contributions=ranked.contributions if ranked else {},
            checks=approved.checks if approved else (),
        )


class RefusedAnswer(ResponseSchema):
    """An order that a limit stopped."""

    ticker: str = TICKER
    side: str
    rule: str
    limit: str
    observed: str


class MarketAnswer(ResponseSchema):
    """How the market looked; null where no agent could say."""

    regime: str | None
    probabilities: dict[str, float]
    exposure_scale: float | None
    hot_sectors: list[str]
    sectors: list[SectorAnswer] = Field(description="All sectors scanned, by rank.")

    @classmethod
    def of_analysis(cls, analysis: MarketAnalysis) -> MarketAnswer:
        """Describe the regime and the hot sectors."""
        regime = analysis.regime
        return cls.of(
            analysis,
            regime=regime.name if regime else None,
            probabilities=regime.probabilities if regime else {},
            exposure_scale=regime.exposure_scale if regime else None,
            hot_sectors=[sector.sector for sector in analysis.sectors if sector.hot],
            sectors=sorted(analysis.sectors, key=lambda sector: sector.rank),
        )


class DecidedOrder(ResponseSchema):
    """An approved order and, once the ledger knows more, what became of it."""

    client_order_id: str
    ticker: str = TICKER
    side: str
    quantity: Decimal
    reference_price: Decimal
    rule: str
    status: str | None = Field(description="`proposed` while it waits for POST /execute; null if not found.")
    route: str | None = Field(description="Where orders go.")

    @classmethod
    def of_order(cls, order: Order, record: OrderRecord | None) -> DecidedOrder:
        """Describe an approved order by the newest that is known of it."""
        return cls.of(order, status=record.status if record else None, route=record.route if record else None)


class DecisionAnswer(ResponseSchema):
    """A whole decision."""

    model_config = example(
        decision_id="20250630T194500-decide-0f3c5a7d9e1b", cycle="decide", as_of="2025-06-30T19:45:00Z",
        trading_state="active",
        market={
            "regime": "low_vol", "probabilities": {"low_vol": 0.93, "high_vol": 0.07},
            "exposure_scale": 0.97, "hot_sectors": ["Semiconductors"], "sectors": [],
        },
        decisions=[{
            "ticker": "NVDA", "action": "enter", "score": 0.52, "confidence": 0.61, "rule": "score",
            "outcome": "approved", "size": {"weight": 0.05, "quantity": "31.6", "usd": "4992.80"},
            "votes": [{
                "agent": "quant", "score": 0.6, "weight": 0.4, "confidence": 0.58,
                "reason": "p_outperform 0.58", "model_id": "quant-v8-0c2a",
            }],
            "reasons": ["score 0.52 is above 0.35"], "p_outperform": 0.58,
            "factors": {"momentum_63d": 1.9}, "contributions": {"momentum_63d": 0.31},
            "checks": [{"rule": "max_positions", "limit": "10", "observed": "4", "passed": True}],
        }],
        refused=[{
            "ticker": "AMD", "side": "buy", "rule": "max_positions", "limit": "10", "observed": "11",
        }],
        abstained=[{"agent": "rl", "ticker": "*", "reason": "no model has been trained"}],
        orders=[], alerts=[], notes=[],
    )  # fmt: skip

    decision_id: str
    cycle: str = CYCLE
    as_of: datetime
    trading_state: str = TRADING_STATE
    market: MarketAnswer
    decisions: list[TickerAnswer]
    refused: list[RefusedAnswer] = Field(validation_alias=AliasPath("plan", "refused"))
    abstained: list[Abstained] = Field(validation_alias=AliasPath("plan", "analysis", "abstentions"))
    orders: list[DecidedOrder]
    alerts: list[str] = Field(validation_alias=AliasPath("plan", "alerts"))
    notes: list[str]
    data: Data

    @classmethod
    def of_report(cls, report: StepReport, records: Mapping[str, OrderRecord]) -> DecisionAnswer:
        """Describe a step.

        Parameters
        ----------
        records : mapping of str to OrderRecord
            What the ledger knows of orders, by client_order_id.
        """
        plan = report.plan
        approved = {a.order.symbol: a for a in plan.approved}
        refused = {r.symbol for r in plan.refused}
        ranked = {stock.symbol: stock for stock in plan.analysis.ranking}
        return cls.of(
            report,
            market=MarketAnswer.of_analysis(plan.analysis),
            decisions=[
                TickerAnswer.of_decision(
                    d, _outcome(d.symbol, approved, refused), approved.get(d.symbol), ranked.get(d.symbol)
                )
                for d in plan.decisions
            ],
            orders=[DecidedOrder.of_order(a.order, records.get(a.order.client_order_id)) for a in plan.approved],
            data=Data.of(report),
        )


class DecisionSummary(ResponseSchema):
    """One line about a decision."""

    decision_id: str
    cycle: str = CYCLE
    as_of: datetime
    trading_state: str = TRADING_STATE
    approved: list[str]
    refused: list[str]
    unchanged: int
    data: Data

    @classmethod
    def of_report(cls, report: StepReport) -> DecisionSummary:
        """Describe a step in one line."""
        plan = report.plan
        return cls.of(
            report,
            approved=[approved.order.symbol for approved in plan.approved],
            refused=[refused.symbol for refused in plan.refused],
            unchanged=len(plan.unchanged),
            data=Data.of(report),
        )


class DecisionsAnswer(ResponseSchema):
    """Decisions, newest first."""

    decisions: list[DecisionSummary]


def _outcome(symbol: str, approved: Mapping[str, ApprovedOrder], refused: set[str]) -> Outcome:
    if symbol in approved:
        return "approved"
    return "refused" if symbol in refused else "no change"
