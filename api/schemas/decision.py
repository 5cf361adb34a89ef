"""A decision as JSON: each ticker's action and reasons, what risk approved or refused, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from api.schemas.base import Abstained, Data, ResponseSchema, example, finite
from api.schemas.check import CheckAnswer
from api.schemas.market import SectorAnswer
from core.money import to_cents
from core.service import OrderRecord
from core.types import ApprovedOrder, Decision, RankedStock, RefusedOrder, Regime, SectorScore, StepReport, Vote

Outcome = Literal["approved", "refused", "no change"]


class VoteAnswer(ResponseSchema):
    """One agent's signal and the weight it had."""

    agent: str
    score: float = Field(ge=-1, le=1)
    weight: float = Field(description="Share of the vote; the weights of those who spoke sum to 1.")
    confidence: float
    reason: str
    model_id: str

    @classmethod
    def of(cls, vote: Vote) -> VoteAnswer:
        """Describe a vote."""
        signal = vote.signal
        return cls(
            agent=signal.agent,
            score=signal.score,
            weight=vote.weight,
            confidence=signal.confidence,
            reason=signal.reason,
            model_id=signal.model_id,
        )


class SizeAnswer(ResponseSchema):
    """How much: share of equity, shares, and US dollars at the reference price."""

    weight: float
    quantity: Decimal
    usd: Decimal

    @classmethod
    def of(cls, approved: ApprovedOrder) -> SizeAnswer:
        """Describe an approved order's size."""
        order = approved.order
        return cls(
            weight=approved.weight, quantity=order.quantity, usd=to_cents(order.quantity * order.reference_price)
        )


class TickerAnswer(ResponseSchema):
    """The decision for one ticker."""

    ticker: str
    action: str = Field(description="`enter`, `exit` or `hold`.")
    score: float
    confidence: float
    rule: str = Field(description="What decided: `score`, or an exit rule.")
    outcome: Outcome
    size: SizeAnswer | None = Field(description="Null unless approved.")
    votes: list[VoteAnswer]
    reasons: list[str]
    p_outperform: float | None = Field(description="The ranker's probability; null where it said nothing.")
    factors: dict[str, float | None] = Field(description="Cross-sectional z-scores, winsorized at 3.")
    contributions: dict[str, float] = Field(description="What each factor added to the ranker's log-odds.")
    checks: list[CheckAnswer] = Field(description="The limits an approved order passed.")

    @classmethod
    def of(
        cls, decision: Decision, outcome: Outcome, approved: ApprovedOrder | None, ranked: RankedStock | None
    ) -> TickerAnswer:
        """Describe a decision and what became of it."""
        return cls(
            ticker=decision.symbol,
            action=decision.action.value,
            score=decision.score,
            confidence=decision.confidence,
            rule=decision.rule,
            outcome=outcome,
            size=SizeAnswer.of(approved) if approved else None,
            votes=[VoteAnswer.of(vote) for vote in decision.votes],
            reasons=list(decision.reasons),
            p_outperform=ranked.p_outperform if ranked else None,
            factors=finite(ranked.factors) if ranked else {},
            contributions=dict(ranked.contributions) if ranked else {},
            checks=[CheckAnswer.of(check) for check in approved.checks] if approved else [],
        )


class RefusedAnswer(ResponseSchema):
    """An order that a limit stopped."""

    ticker: str
    side: str
    rule: str
    limit: str
    observed: str

    @classmethod
    def of(cls, refused: RefusedOrder) -> RefusedAnswer:
        """Describe a refusal."""
        return cls(
            ticker=refused.symbol,
            side=refused.side.value,
            rule=refused.rule,
            limit=refused.limit,
            observed=refused.observed,
        )


class MarketAnswer(ResponseSchema):
    """How the market looked; null where no agent could say."""

    regime: str | None
    probabilities: dict[str, float]
    exposure_scale: float | None
    hot_sectors: list[str]
    sectors: list[SectorAnswer] = Field(description="All sectors scanned, by rank.")

    @classmethod
    def of(cls, regime: Regime | None, sectors: Sequence[SectorScore]) -> MarketAnswer:
        """Describe the regime and the hot sectors."""
        return cls(
            regime=regime.name if regime else None,
            probabilities=dict(regime.probabilities) if regime else {},
            exposure_scale=regime.exposure_scale if regime else None,
            hot_sectors=[sector.sector for sector in sectors if sector.hot],
            sectors=[SectorAnswer.of(sector) for sector in sorted(sectors, key=lambda sector: sector.rank)],
        )


class DecidedOrder(ResponseSchema):
    """An approved order and, once the ledger knows more, what became of it."""

    client_order_id: str
    ticker: str
    side: str
    quantity: Decimal
    reference_price: Decimal
    rule: str
    status: str | None = Field(description="`proposed` while it waits for POST /execute; null if not found.")
    route: str | None = Field(description="Where orders go.")

    @classmethod
    def of(cls, approved: ApprovedOrder, record: OrderRecord | None) -> DecidedOrder:
        """Describe an approved order by the newest that is known of it."""
        order = approved.order
        return cls(
            client_order_id=order.client_order_id,
            ticker=order.symbol,
            side=order.side.value,
            quantity=order.quantity,
            reference_price=order.reference_price,
            rule=order.rule,
            status=record.status.value if record else None,
            route=record.route if record else None,
        )


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
    cycle: str
    as_of: datetime
    trading_state: str
    market: MarketAnswer
    decisions: list[TickerAnswer]
    refused: list[RefusedAnswer]
    abstained: list[Abstained]
    orders: list[DecidedOrder]
    alerts: list[str]
    notes: list[str]
    data: Data

    @classmethod
    def of(cls, report: StepReport, records: Mapping[str, OrderRecord]) -> DecisionAnswer:
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
        return cls(
            decision_id=report.decision_id,
            cycle=report.cycle.name,
            as_of=report.as_of,
            trading_state=plan.state.value,
            market=MarketAnswer.of(plan.analysis.regime, plan.analysis.sectors),
            decisions=[
                TickerAnswer.of(
                    d, _outcome(d.symbol, approved, refused), approved.get(d.symbol), ranked.get(d.symbol)
                )
                for d in plan.decisions
            ],
            refused=[RefusedAnswer.of(r) for r in plan.refused],
            abstained=[Abstained.of(abstention) for abstention in plan.analysis.abstentions],
            orders=[DecidedOrder.of(a, records.get(a.order.client_order_id)) for a in plan.approved],
            alerts=list(plan.alerts),
            notes=list(report.notes),
            data=Data.of_report(report),
        )


class DecisionSummary(ResponseSchema):
    """One line about a decision."""

    decision_id: str
    cycle: str
    as_of: datetime
    trading_state: str
    approved: list[str]
    refused: list[str]
    unchanged: int
    data: Data

    @classmethod
    def of(cls, report: StepReport) -> DecisionSummary:
        """Describe a step in one line."""
        plan = report.plan
        return cls(
            decision_id=report.decision_id,
            cycle=report.cycle.name,
            as_of=report.as_of,
            trading_state=plan.state.value,
            approved=[approved.order.symbol for approved in plan.approved],
            refused=[refused.symbol for refused in plan.refused],
            unchanged=len(plan.unchanged),
            data=Data.of_report(report),
        )


class DecisionsAnswer(ResponseSchema):
    """Decisions, newest first."""

    decisions: list[DecisionSummary]


def _outcome(symbol: str, approved: Mapping[str, ApprovedOrder], refused: set[str]) -> Outcome:
    if symbol in approved:
        return "approved"
    return "refused" if symbol in refused else "no change"
