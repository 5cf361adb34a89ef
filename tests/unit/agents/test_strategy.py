"""A strategy of the user's decides as a team does; what it does wrong is a step without its decisions."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from agents.plugins import PluginParts
from agents.registered import registered_strategy
from config.plugins import PluginSettings
from config.trading import TradingSettings
from core.cycles import DECIDE_AND_SEND
from core.errors import SettingsError
from core.ports import Team
from core.types import Action, Portfolio
from models.factors.store import FactorStore
from tests.unit.agents.test_plugins import view
from tests.user_agents import write

HOLD_ONE = """
from core.types import Action, Decision, MarketAnalysis
class HoldOne:
    name = "hold_one"
    def analyse(self, view, portfolio, cycle):
        {analyse}
        return MarketAnalysis(candidates=("AAPL",))
    def decide(self, analysis, portfolio, cycle):
        {decide}
        return (Decision(symbol="AAPL", action=Action.ENTER, score=1.0, confidence=1.0, rule="mine",
                         target_weight=0.5),)
    def explain(self, view, analysis, symbols):
        return analysis
"""


def strategy(tmp_path: Path, name: str = "hold_one", analyse: str = "", decide: str = "") -> Team:
    write(tmp_path / "user", "hold_one", HOLD_ONE.format(analyse=analyse, decide=decide), "strategies")
    trading = TradingSettings(strategy=name, plugins=PluginSettings(deadline_seconds=0.3))
    parts = PluginParts(factors=FactorStore({}), trading=trading)
    return registered_strategy(trading, tmp_path / "config", parts)


def outcome(team: Team) -> tuple[list[Action], dict[str, str]]:
    portfolio = Portfolio(cash=Decimal(1000))
    analysis = team.analyse(view(), portfolio, DECIDE_AND_SEND)
    decisions = team.decide(analysis, portfolio, DECIDE_AND_SEND)
    explained = team.explain(view(), analysis, [decision.symbol for decision in decisions])
    return [decision.action for decision in decisions], {a.agent: a.reason for a in explained.abstentions}


@pytest.mark.parametrize("name", ["hold_one", "user.strategies.hold_one:HoldOne"])
def test_it_decides_whether_named_or_given_by_its_place(tmp_path: Path, name: str) -> None:
    assert outcome(strategy(tmp_path, name)) == ([Action.ENTER], {})


@pytest.mark.parametrize(
    ("analyse", "decide", "reason"),
    [
        ("raise ValueError('no bars')", "", "it raised ValueError: no bars"),
        ("", "raise ValueError('no idea')", "it raised ValueError: no idea"),
        ("return None", "", "it gave NoneType, not MarketAnalysis"),
        ("", "return []", "it gave list, not tuple"),
        ("import time; time.sleep(1)", "", "it did not answer within 0.3 s"),
    ],
)
def test_what_goes_wrong_is_no_decision_and_says_so_and_the_next_step_tries_again(
    tmp_path: Path, analyse: str, decide: str, reason: str
) -> None:
    assert outcome(strategy(tmp_path, analyse=analyse, decide=decide)) == ([], {"hold_one": reason})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hold_two", "There is no strategy named 'hold_two'; the nearest known name is hold_one"),
        ("user.strategies.hold_two:HoldOne", "is not to be found"),
        ("user.strategies.hold_one:HoldTwo", "HoldTwo"),
        ("os:abort", "is not to be found"),
    ],
)
def test_one_that_cannot_be_made_stops_the_start(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        strategy(tmp_path, name)


def given(score: str, rule: str, times: int = 1) -> str:
    made = f"Decision(symbol='AAPL', action=Action.EXIT, score={score}, confidence=1.0, rule={rule})"
    return f"return {times} * ({made},)"


@pytest.mark.parametrize(
    ("decide", "why"),
    [
        (given("float('nan')", "'x'"), "Expected `float`, got `null`"),
        (given("0.0", "chr(0xd800)"), "surrogates not allowed"),
        ("return ('AAPL',)", "Expected `object`, got `str`"),
        (given("0.0", "'x'", times=2), "it decided twice on one symbol"),
    ],
)
def test_a_decision_that_cannot_be_recorded_is_none(tmp_path: Path, decide: str, why: str) -> None:
    decisions, reasons = outcome(strategy(tmp_path, decide=decide))
    assert decisions == []
    assert why in reasons["hold_one"]


def test_an_analysis_that_cannot_be_recorded_is_none(tmp_path: Path) -> None:
    decisions, reasons = outcome(strategy(tmp_path, analyse="return MarketAnalysis(atr={'AAPL': 'much'})"))
    assert decisions == []
    assert "what it gave cannot be recorded" in reasons["hold_one"]
