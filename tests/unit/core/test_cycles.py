"""Kinds of step as data: recorded as version 0.1 did, named as it did, and an unknown kind fails at once."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import msgspec
import pytest

from core.cycles import (
    CYCLES,
    DECIDE,
    DECIDE_V2,
    FLATTEN,
    KINDS,
    PREDICT,
    RECOVER,
    RISK_CHECK,
    Cycle,
    ExitRules,
)
from core.errors import InvariantError
from core.types import TradingState
from pipeline.step import name_of

AT = datetime(2025, 6, 30, 19, 45, tzinfo=UTC)
WHAT_IF = replace(DECIDE, as_of=AT, symbols=("AAPL", "MSFT"))
SIX = b'["market","quant","rl","sentiment","momentum","regime"]'
NO_ORDER = b',"submits":false,"protects":false,"as_of":null,"symbols":[]}'
# Golden bytes: what commit 69fb135 (version 0.1) wrote of each cycle, and the id it gave the decision below.
RECORDED = [
    (DECIDE, b'{"name":"decide","agents":' + SIX + b',"entries":true' + NO_ORDER,
     "20250630T194500-decide-9ed7d2535260"),
    (replace(DECIDE, submits=True, protects=True),
     b'{"name":"decide","agents":' + SIX
     + b',"entries":true,"submits":true,"protects":true,"as_of":null,"symbols":[]}',
     "20250630T194500-decide-5b8a32e9e1b9"),
    (WHAT_IF,
     b'{"name":"decide","agents":' + SIX + b',"entries":true,"submits":false,"protects":false,'
     b'"as_of":"2025-06-30T19:45:00Z","symbols":["AAPL","MSFT"]}',
     "20250630T194500-decide-462282b26355"),
    (DECIDE_V2,
     b'{"name":"decide_v2","agents":["market","momentum","rsi","rl","sentiment","regime"],"entries":true'
     + NO_ORDER, "20250630T194500-decide_v2-44ec66dce2a8"),
    (RISK_CHECK,
     b'{"name":"risk_check","agents":[],"entries":false,"submits":true,"protects":false,"as_of":null,"symbols":[]}',
     "20250630T194500-risk_check-38704df4003a"),
    (FLATTEN,
     b'{"name":"flatten","agents":[],"entries":false,"submits":true,"protects":false,"as_of":null,"symbols":[]}',
     "20250630T194500-flatten-189431351dec"),
    (RECOVER, b'{"name":"recover","agents":[],"entries":false' + NO_ORDER,
     "20250630T194500-recover-e3d18918462b"),
    (PREDICT, b'{"name":"predict","agents":["rl","rl_members"],"entries":false' + NO_ORDER,
     "20250630T194500-predict-8e033771d3d6"),
]  # fmt: skip


@pytest.mark.parametrize(("cycle", "written", "name"), RECORDED)
def test_a_cycle_is_recorded_and_named_as_version_0_1_did(cycle: Cycle, written: bytes, name: str) -> None:
    assert msgspec.json.encode(cycle) == written
    read = msgspec.json.decode(written, type=Cycle)
    assert read == cycle
    assert read.kind is cycle.kind
    named = [
        name_of(
            one, AT, "view", "config", portfolio_digest="book", state=TradingState.ACTIVE, models={"quant": "m1"}
        )
        for one in (cycle, read)
    ]
    assert named == [name, name]


@pytest.mark.parametrize("cycle", [*CYCLES, WHAT_IF])
def test_the_text_an_id_is_derived_from_holds_the_seven_fields(cycle: Cycle) -> None:
    assert len(fields(Cycle)) == 7
    assert cycle.recorded_form() == repr(cycle)


def test_every_kind_has_a_cycle_and_each_cycle_its_kind() -> None:
    assert {cycle.name for cycle in CYCLES} == set(KINDS)
    assert [cycle.name for cycle in CYCLES if cycle.kind.decides] == ["decide", "decide_v2"]
    assert all(cycle.kind.exit_rules is ExitRules.SWING for cycle in CYCLES if cycle.kind.decides)
    assert [cycle.name for cycle in CYCLES if not cycle.kind.needs_prices] == ["flatten", "sell"]
    assert [cycle.name for cycle in CYCLES if not cycle.kind.can_enter] == ["risk_check", "flatten", "sell"]
    assert [cycle.name for cycle in CYCLES if cycle.kind.allocates] == ["decide"]


@pytest.mark.parametrize("name", ["decide_v3", "", "Decide"])
def test_a_kind_that_is_not_known_cannot_be_wired(name: str) -> None:
    with pytest.raises(InvariantError, match="no kind of step") as caught:
        Cycle(name=name)
    assert "core/cycles.py" in caught.value.hint
