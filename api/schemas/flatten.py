"""A flatten as JSON: the step that began it, and what is left."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from api.schemas.base import TICKER, ResponseSchema
from api.schemas.decision import DecisionAnswer
from core.flattening import FlattenProgress


class FlattenLeftAnswer(ResponseSchema):
    """Something that is not sold or cancelled yet."""

    ticker: str = TICKER
    quantity: Decimal = Field(description="Shares held; 0 where only a buy may still fill.")
    reason: str


class FlattenAnswer(ResponseSchema):
    """Whether everything is being sold, and what is left and why."""

    in_progress: bool = Field(description="Every step of the jobs works on it; it lasts across restarts.")
    since: datetime | None
    left: list[FlattenLeftAnswer]


class FlattenedAnswer(DecisionAnswer):
    """The step that sold, and what is left."""

    flatten: FlattenAnswer

    @classmethod
    def of_decision(cls, decision: DecisionAnswer, progress: FlattenProgress) -> FlattenedAnswer:
        """Add what is left to a decision."""
        left = [
            FlattenLeftAnswer(ticker=one.symbol, quantity=one.quantity, reason=one.reason)
            for one in progress.left
        ]
        flatten = FlattenAnswer(in_progress=progress.since is not None, since=progress.since, left=left)
        return cls(**dict(decision), flatten=flatten)
