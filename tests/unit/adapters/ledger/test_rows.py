"""Every report comes back from the ledger as it went in."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.ledger import SqliteLedger
from adapters.ledger.rows import decode_portfolio, decode_report, encode_portfolio, encode_report
from config.environment import OrderRoute
from core.types import Cycle, MarketAnalysis, Plan, Portfolio, StepReport, TradingState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**62), 2**62),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    date: st.dates(),
    datetime: st.integers(0, 2**62 // 10**3).map(lambda us: EPOCH + timedelta(microseconds=us)),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    types.NoneType: st.none(),
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Make a strategy for a core type from its annotations."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: anything(hint) for name, hint in hints.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=2)
    assert origin in (types.UnionType, typing.Union), kind
    return st.one_of([anything(argument) for argument in arguments])


@given(report=anything(StepReport))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_reports_round_trip_exactly(report: StepReport) -> None:
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    body = encode_report(report)
    assert decode_report(body) == report
    assert encode_report(decode_report(body)) == body
    unique = {o.order.client_order_id for o in report.plan.approved}
    if len(unique) == len(report.plan.approved):
        ledger.record(report)
        assert ledger.decision(report.decision_id) == report


@given(portfolio=anything(Portfolio))
@settings(max_examples=30, deadline=None)
def test_portfolios_round_trip_exactly(portfolio: Portfolio) -> None:
    assert decode_portfolio(encode_portfolio(portfolio)) == portfolio


def test_numpy_scalars_and_mapping_proxies_are_written_as_plain_values() -> None:
    atr = types.MappingProxyType({"AAPL": np.float64(1.25)})
    plan = Plan(
        decisions=(), approved=(), refused=(), unchanged=(), analysis=MarketAnalysis(atr=atr),
        portfolio=Portfolio(cash=Decimal(1)), state=TradingState.ACTIVE,
    )  # fmt: skip
    report = StepReport(
        decision_id="d", cycle=Cycle(name="decide"), as_of=datetime(2024, 1, 2, tzinfo=UTC), source="s",
        bars_until="2024-01-02",
        view_digest="v", config_digest="c", plan=plan,
    )  # fmt: skip
    assert decode_report(encode_report(report)).plan.analysis.atr == {"AAPL": 1.25}
