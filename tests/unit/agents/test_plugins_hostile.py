"""What hostile agents answer: nothing of it reaches the record but sound signals in their own name."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from agents.plugins import PluginAgents
from config.plugins import PluginSettings
from core.types import MarketAnalysis
from tests.unit.agents.test_plugins import SYMBOLS, view
from tests.user_agents import body, loaded, write

SOUND = {
    "ints": "return {s: 1 for s in symbols}",
    "small_ints": "return {s: np.int8(1) for s in symbols}",
    "half_floats": "return {s: np.float16(0.5) for s in symbols}",
    "negative_zero": "return {s: -0.0 for s in symbols}",
    "huge": "return {s: 0.1 for s in [*symbols, *(f'X{i}' for i in range(10**5))]}",
    "surrogates": "return Signals(scores=dict.fromkeys(symbols, 0.5), reasons={s: chr(0xd800) for s in symbols})",
    "endless_reason": "return Signals(scores=dict.fromkeys(symbols, 0.5), model_id='m' * 10**6)",
    "beyond": "return MarketAnalysis(signals=[Signal(agent='beyond', symbol=s, score=9.0, confidence=7.0,"
    " reason='') for s in symbols])",
    "impostor": "return MarketAnalysis(signals=[Signal(agent='market', symbol=s, score=1.0, confidence=1.0,"
    " reason='') for s in symbols])",
}
UNSOUND = {
    "bools": ("return {s: True for s in symbols}", "no finite number"),
    "numpy_bools": ("return {s: np.bool_(True) for s in symbols}", "no finite number"),
    "texts": ("return {s: '0.5' for s in symbols}", "no finite number"),
    "complex": ("return {s: 1j for s in symbols}", "no finite number"),
    "shapes": ("return {s: np.ones((3, 3)) for s in symbols}", "no finite number"),
    "beyond_floats": ("return {s: 10**400 for s in symbols}", "it raised OverflowError"),
    "generator": ("return ((s, 0.1) for s in symbols)", "it raised TypeError"),
    "leaves": ("import sys; sys.exit(3)", "it raised SystemExit"),
    "no_reasons": ("return Signals(scores={'AAPL': 0.5}, reasons=None)", "it raised AttributeError"),
    "confident": (
        "return Signals(scores=dict.fromkeys(symbols, 0.5), confidence=float('nan'))",
        "its confidence is nan",
    ),
    "silencer": ("return MarketAnalysis(abstentions=[Abstention(agent='market', reason='no')])", "no"),
    "stranger": (
        "return MarketAnalysis(signals=[Signal(agent='stranger', symbol='ZZZ', score=1.0, confidence=1.0,"
        " reason='')])",
        "it gave no score for any stock",
    ),
    "unsayable": ("raise ValueError(chr(0xd800))", "it raised ValueError"),
    "unreadable": (
        "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
        "it raised E: its reason cannot be read",
    ),
}
IMPORTS = "from core.types import Abstention, MarketAnalysis, Signal, Signals\n"


def answers(user: Path, name: str, statement: str) -> MarketAnalysis:
    write(user, name, IMPORTS + body(name, statement))
    write(user, "good", body("good", "return {s: 0.5 for s in symbols}"))
    found = PluginAgents(loaded(user).agents, PluginSettings(deadline_seconds=20)).signals(view(), SYMBOLS)
    msgspec.json.encode(found)  # as the record is
    assert [s.symbol for s in found.signals if s.agent == "good"] == [*SYMBOLS]
    return found


@pytest.mark.parametrize("name", SOUND)
def test_what_can_be_understood_is_a_sound_signal_of_each_stock(name: str, tmp_path: Path) -> None:
    found = [s for s in answers(tmp_path, name, SOUND[name]).signals if s.agent != "good"]
    assert [(s.agent, s.symbol) for s in found] == [(name, symbol) for symbol in SYMBOLS]
    assert all(-1 <= s.score <= 1 and 0 <= s.confidence <= 1 for s in found)
    assert all(type(s.score) is float and math.isfinite(s.score) for s in found)
    assert all(len(s.reason) <= 300 and len(s.model_id) <= 300 for s in found)


@pytest.mark.parametrize("name", UNSOUND)
def test_what_cannot_be_is_an_abstention_in_its_own_name(name: str, tmp_path: Path) -> None:
    statement, reason = UNSOUND[name]
    found = answers(tmp_path, name, statement)
    assert {s.agent for s in found.signals} == {"good"}
    (abstained,) = found.abstentions
    assert (abstained.agent, abstained.symbol) == (name, "*")
    assert reason in abstained.reason
