"""What explains a ticker's decision: its factors, and the limits its order was held against."""

from __future__ import annotations

from api.schemas.base import ResponseSchema
from core.orders import Check


class CheckAnswer(ResponseSchema):
    """One limit applied to one order."""

    rule: str
    limit: str
    observed: str
    passed: bool

    @classmethod
    def of(cls, check: Check) -> CheckAnswer:
        """Describe a check."""
        return cls(rule=check.rule, limit=check.limit, observed=check.observed, passed=check.passed)
