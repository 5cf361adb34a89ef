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
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.ledger import SqliteLedger
from adapters.ledger.rows import decode_portfolio, decode_report, encode_portfolio, encode_report
from config.environment import OrderRoute
from core.cycles import KINDS
from core.errors import LedgerError
from core.types import Cycle, MarketAnalysis, Plan, Portfolio, StepReport, TradingState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**62), 2**62),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    date: st.dates(),
    datetime: st.integers(0, 2**62 // 10**3).map(lambda us: EPOCH + timedelta(microseconds=us)),
    Decimal: st.decimals(-(10**14), 10**14, allow_nan=False, allow_infinity=False),
    types.NoneType: st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Make a strategy for a core type from its annotations."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        parts = {name: anything(hint) for name, hint in typing.get_type_hints(kind).items()}
        if kind is Cycle:
            parts["name"] = st.sampled_from(sorted(KINDS))
        return st.builds(kind, **parts)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=2)
    assert origin in (types.UnionType, typing.Union), kind
    return st.one_of([anything(argument) for argument in arguments])


VERSION_0_1 = (  # what commit 69fb135 wrote of a step
    b'{"decision_id":"d","cycle":{"name":"decide","agents":["market","quant","rl","sentiment",'
    b'"momentum","regime"],"entries":true,"submits":true,"protects":true,"as_of":null,"symbols":[]},'
    b'"as_of":"2025-06-30T19:45:00Z","source":"parquet","bars_until":"2025-06-30","view_digest":"v",'
    b'"config_digest":"c","plan":{"decisions":[{"symbol":"AAPL","action":"hold","score":0.1,'
    b'"confidence":0.5,"rule":"score","votes":[],"reasons":[],"p_win":null,"target_weight":null}],'
    b'"approved":[],"refused":[],"unchanged":["AAPL"],"opinion":{"regime":null,"sectors":[],'
    b'"ranking":[],"candidates":["AAPL"],"signals":[],"abstentions":[],"targets":{},"atr":{},'
    b'"models":{}},"portfolio":{"cash":"1000.00","positions":{"AAPL":{"symbol":"AAPL","quantity":"10",'
    b'"average_price":"100.25","entry_at":"2025-06-30T19:45:00Z","entry_session":"2025-06-30",'
    b'"peak_price":"101","missed_count":1,"last_price":"100.5","judged_session":"2025-06-30"}},'
    b'"session":"2025-06-30","session_open_equity":"0","peak_equity":"0","last_equity":"0",'
    b'"trades_today":0,"pending":[]},"state":"active","alerts":[],"protections":[{"symbol":"AAPL",'
    b'"decision_id":"d","stop_loss_pct":"-0.025","take_profit_pct":"0.04","atr":"1.5",'
    b'"stop_loss_atr":"1.5","take_profit_atr":"2.5","trailing_stop_atr":"2.0","peak_price":"101"},'
    b'{"symbol":"MSFT","decision_id":"d","stop_loss_pct":"-0.025","take_profit_pct":"0.04","atr":"0",'
    b'"stop_loss_atr":"0","take_profit_atr":"0","trailing_stop_atr":"2.0","peak_price":null}],'
    b'"book_digest":"f00d","decided_in":"active"},"fills":[],"stale":{},"feed_fault":"","notes":["n"]}'
)  # fmt: skip


def test_a_row_of_version_0_1_is_read_and_written_byte_for_byte() -> None:
    report = decode_report(VERSION_0_1)
    assert report.plan.analysis.candidates == ("AAPL",)
    assert report.plan.portfolio_digest == "f00d"
    assert [bracket.trailing_stop_atr for bracket in report.plan.protections] == [Decimal("2.0")] * 2
    assert encode_report(report) == VERSION_0_1


def report_of(analysis: MarketAnalysis) -> StepReport:
    plan = Plan(
        decisions=(), approved=(), refused=(), unchanged=(), analysis=analysis,
        portfolio=Portfolio(cash=Decimal(1)), state=TradingState.ACTIVE,
    )  # fmt: skip
    return StepReport(
        decision_id="d", cycle=Cycle(name="decide"), as_of=datetime(2024, 1, 2, tzinfo=UTC), source="s",
        bars_until="2024-01-02",
        view_digest="v", config_digest="c", plan=plan,
    )  # fmt: skip


@given(report=anything(StepReport))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
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


def test_a_step_of_an_unknown_kind_is_a_ledger_fault() -> None:
    body = encode_report(report_of(MarketAnalysis()))
    assert decode_report(body).cycle.name == "decide"
    with pytest.raises(LedgerError, match="no kind of step 'guess'"):
        decode_report(body.replace(b'"name":"decide"', b'"name":"guess"'))


def test_numpy_scalars_and_mapping_proxies_are_written_as_plain_values() -> None:
    atr = types.MappingProxyType({"AAPL": np.float64(1.25)})
    assert decode_report(encode_report(report_of(MarketAnalysis(atr=atr)))).plan.analysis.atr == {"AAPL": 1.25}
