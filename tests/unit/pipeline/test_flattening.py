"""A flatten and the trading state are written together: a process that ends in between leaves both or neither."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.ledger import SqliteLedger
from adapters.ledger.schema import LEDGER
from config.environment import OrderRoute
from core.types import TradingState
from pipeline.engine import Engine
from pipeline.flattening import FLAT, Flattening
from tests.chaos.kills import DeadlyDatabase, Executioner, Killed
from tests.small_engine import small_engine

ENDS: dict[TradingState, Callable[[Engine], None]] = {
    TradingState.ACTIVE: lambda engine: engine.resume("resumed"),
    TradingState.HALTED: lambda engine: engine.record_halt("halted"),
    TradingState.REDUCING: lambda engine: engine.end_flattening(FLAT),
}


def opened(path: Path, executioner: Executioner) -> Engine:
    database = DeadlyDatabase(path, LEDGER)
    database.executioner = executioner
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN, database=database)
    return Engine(dataclasses.replace(small_engine().engine.parts, ledger=ledger))


def found(path: Path) -> tuple[TradingState, bool, str]:
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
    try:
        return ledger.trading_state(), ledger.flattening_since() is not None, ledger.state_reason()
    finally:
        ledger.close()


@pytest.mark.parametrize("point", ["write before", "write within", "write after"])
def test_a_kill_leaves_no_reduced_state_without_its_flatten(point: str, tmp_path: Path) -> None:
    path, executioner = tmp_path / "ledger.sqlite", Executioner()
    engine = opened(path, executioner)
    executioner.arm(point, 1)
    with pytest.raises(Killed):
        Flattening().begin(engine)
    state, flattening, _ = found(path)
    assert (state is TradingState.REDUCING) == flattening == (point == "write after")


@pytest.mark.parametrize("point", ["write before", "write within", "write after"])
@pytest.mark.parametrize("becomes", ENDS)
def test_a_kill_leaves_no_ended_flatten_in_the_old_state(
    becomes: TradingState, point: str, tmp_path: Path
) -> None:
    path, executioner = tmp_path / "ledger.sqlite", Executioner()
    engine = opened(path, executioner)
    Flattening().begin(engine)
    before = found(path)
    executioner.arm(point, 1)
    with pytest.raises(Killed):
        ENDS[becomes](engine)
    after = found(path)
    assert after == before if point != "write after" else after[:2] == (becomes, False) and after[2] != before[2]


def test_a_flatten_of_a_halted_engine_keeps_the_halts_reason(tmp_path: Path) -> None:
    engine = opened(tmp_path / "ledger.sqlite", Executioner())
    engine.record_halt("a person's word")
    Flattening().begin(engine)
    assert found(tmp_path / "ledger.sqlite") == (TradingState.HALTED, True, "a person's word")


def test_a_halt_that_is_newer_than_a_flatten_stands(tmp_path: Path) -> None:
    engine = opened(tmp_path / "ledger.sqlite", Executioner())
    engine.sending.request_halt()
    Flattening().begin(engine)
    engine.record_halt("a person's word")
    assert found(tmp_path / "ledger.sqlite") == (TradingState.HALTED, False, "a person's word")
