"""The RL ensemble as JSON: what it would hold of each ticker, and how its training went."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Abstained, Data, ResponseSchema, example
from core.errors import RequestError
from core.service import AnalysisReport

AGENT = "rl"
NO_MODELS_HINT = "POST /train"


class MemberAction(ResponseSchema):
    """What one member would hold of a ticker."""

    action: float = Field(
        validation_alias="score", description="Target position in [-1, 1]; below 0 means none where long only."
    )
    weight: float = Field(
        validation_alias="confidence", description="Of its vote; 0 for a member that does not vote.", ge=0, le=1
    )
    votes: bool
    reason: str = Field(description="Its trailing out-of-sample Sharpe ratio, or why it does not vote.")


class Prediction(ResponseSchema):
    """The ensemble on one ticker."""

    ticker: str
    vote: float | None = Field(description="Weighted mean of the voting members' actions; null when none votes.")
    agreement: float | None = Field(description="1 when the members point one way, 0 when they cancel out.")
    members: dict[str, MemberAction]


class PredictAnswer(ResponseSchema):
    """The ensemble on each ticker whose factors are there."""

    model_config = example(
        predictions=[{
            "ticker": "NVDA", "vote": 0.41, "agreement": 1.0,
            "members": {"ppo": {"action": 0.41, "weight": 1.0, "votes": True, "reason": "trailing Sharpe +1.10"}},
        }],
        models={"ppo": "rl-ppo-20250626-1f0c93ab"}, abstained=[],
    )  # fmt: skip

    predictions: list[Prediction]
    models: dict[str, str] = Field(description="Id of each member in use.")
    abstained: list[Abstained] = Field(validation_alias="abstentions")
    data: Data

    @classmethod
    def of_analysis(cls, report: AnalysisReport) -> PredictAnswer:
        """Describe what the ensemble predicts.

        Raises
        ------
        RequestError
            Status 409 when there are no models to ask, or none that may be asked about this moment.
        """
        analysis = report.analysis
        members = {name.removeprefix("rl."): model for name, model in analysis.models.items()}
        if not members:
            reasons = dict.fromkeys(abstention.reason for abstention in analysis.abstentions)
            why = "; ".join(reasons) or "no bars are known yet"
            raise RequestError(f"The RL ensemble cannot predict: {why}.", hint=NO_MODELS_HINT, status=409)
        votes = {signal.symbol: signal for signal in analysis.signals if signal.agent == AGENT}
        actions: dict[str, dict[str, MemberAction]] = defaultdict(dict)
        for signal in analysis.signals:
            if signal.agent != AGENT:
                member = MemberAction.of(signal, votes=signal.confidence > 0)
                actions[signal.symbol][signal.agent.removeprefix("rl.")] = member
        predictions = [
            Prediction(
                ticker=ticker,
                vote=vote.score if (vote := votes.get(ticker)) else None,
                agreement=vote.confidence if vote else None,
                members=members_of,
            )
            for ticker, members_of in sorted(actions.items())
        ]
        return cls.of(analysis, predictions=predictions, models=members, data=Data.of(report))


class TrainAnswer(ResponseSchema):
    """What a training gave: each member, its measures on unseen sessions, whether it votes."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    hint: str = Field(description="Where its progress is seen while it runs; sent first.")
    status: str
    tickers: list[str]
    window: dict[str, str]
    members: dict[str, dict[str, Any]]
    data: Data
