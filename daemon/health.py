"""The health as plain values: what is known without network, models or locks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.types import StepReport
from pipeline.engine import Engine
from pipeline.reports import last_bar_age_seconds


def engine_health(engine: Engine | None, decided: StepReport | None, now: datetime) -> Mapping[str, Any]:
    """Return how old the last decision and the last bar are; None where there is none."""
    return {
        "last_decision_age_seconds": round((now - decided.as_of).total_seconds(), 3) if decided else None,
        "last_bar_age_seconds": last_bar_age_seconds(engine.last_view, now) if engine else None,
    }
