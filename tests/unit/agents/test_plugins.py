"""What a user's agent answers is made sound, what it does wrong is its abstention, and weights decide."""

from __future__ import annotations

from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.plugins import PluginAgents, ask
from agents.synthesizer import weigh
from config.plugins import PluginSettings
from core.cycles import CYCLES, DECIDE, WeightSet
from core.types import Cycle, MarketAnalysis, MarketView, Portfolio, Signal, Signals
from tests.panels import make_panel
from tests.unit.agents.test_team import team_of
from tests.user_agents import RISERS, body, loaded, write

SYMBOLS = ("AAPL", "JPM", "XOM")
PANEL = make_panel(1, sessions=40, symbols=(*SYMBOLS, "KO", "SPY", "XLF"))
QUICK = PluginSettings(deadline_seconds=0.3)
NUMBERS = st.one_of(
    st.floats(), st.none(), st.text(max_size=3), st.booleans(), st.integers(), st.just(np.float32(0.25))
)


def view(rows: int = 40) -> MarketView:
    bars = PANEL.prefix(rows)
    return MarketView(as_of=bars.closed_at[rows - 1].astimezone(UTC) + timedelta(minutes=1), bars=bars)


class Says:
    """Answers what it is given."""

    name = "says"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def signals(self, view: MarketView, symbols: tuple[str, ...]) -> object:
        return self.answer


def said(answer: object) -> MarketAnalysis:
    return ask("says", Says(answer), view(), SYMBOLS)  # type: ignore[arg-type]  # whatever a user may give


@given(st.dictionaries(st.sampled_from((*SYMBOLS, "UNKNOWN")), NUMBERS))
def test_whatever_is_answered_each_symbol_gets_a_score_in_bounds_or_an_abstention(
    answer: dict[str, object],
) -> None:
    found = said(answer)
    heard = {signal.symbol: signal.score for signal in found.signals}
    silent = {abstention.symbol for abstention in found.abstentions}
    assert silent == {"*"} or {*heard} | silent == {*SYMBOLS}
    assert all(-1 <= score <= 1 for score in heard.values())
    for symbol, score in heard.items():
        given_ = answer[symbol]
        assert isinstance(given_, int | float | np.floating)
        assert score == pytest.approx(min(1.0, max(-1.0, float(given_))))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "it gave no score for any stock"),
        (dict.fromkeys(SYMBOLS, float("nan")), "it gave no finite number"),
        (Signals(scores={"AAPL": 0.1}, confidence=float("nan")), "its confidence is nan, which is no number"),
    ],
)
def test_an_empty_answer_is_an_abstention_and_not_a_zero(answer: object, reason: str) -> None:
    found = said(answer)
    assert found.signals == ()
    assert [(a.symbol, a.reason) for a in found.abstentions] == [("*", reason)]


def test_reasons_confidence_and_model_are_kept_within_bounds() -> None:
    found = said(Signals(scores={"AAPL": 2.0}, reasons={"AAPL": "x" * 1000}, confidence=7.0, model_id="m-1"))
    (signal,) = found.signals
    assert (signal.score, signal.confidence, signal.model_id, len(signal.reason)) == (1.0, 1.0, "m-1", 300)


def test_one_that_fails_abstains_with_the_reason_and_the_others_are_heard(tmp_path: Path) -> None:
    statements = {
        "raises": "raise KeyError('AAPL')",
        "hangs": "time.sleep(1)",
        "nan": "return {s: np.nan for s in symbols}",
        "list": "return [1.0, 2.0]",
        "writes": "view.bars.close[-1] = 0.0",
        "good": "return {s: 0.5 for s in symbols}",
    }
    for name, statement in statements.items():
        write(tmp_path, name, body(name, statement))
    write(tmp_path, "broken", "def f(:\n")
    made = loaded(tmp_path, QUICK)
    found = PluginAgents(made.agents, QUICK).signals(view(), SYMBOLS)
    assert {signal.agent for signal in found.signals} == {"good"}
    reasons = {abstention.agent: abstention.reason for abstention in found.abstentions}
    assert reasons == {
        "raises": "it raised KeyError: AAPL is missing",
        "hangs": "it did not answer within 0.3 s",
        "nan": "it gave no finite number",
        "list": "it raised TypeError: signals() gave list, not scores by symbol",
        "writes": "it raised ValueError: assignment destination is read-only",
    }
    (fault,) = made.faults
    assert "agent broken takes no part" in fault
    assert "SyntaxError" in fault


def test_models_name_the_code_that_answered(tmp_path: Path) -> None:
    write(tmp_path, "risers", RISERS)
    made = loaded(tmp_path)
    found = PluginAgents(made.agents, QUICK).signals(view(), SYMBOLS)
    assert found.models == {"risers": made.agents[0].version}
    assert [signal.symbol for signal in found.signals] == list(SYMBOLS)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.name)
def test_the_team_hears_them_in_full_decisions_only(cycle: Cycle, tmp_path: Path) -> None:
    write(tmp_path, "risers", RISERS)
    team = team_of([], plugins=PluginAgents(loaded(tmp_path).agents, QUICK))
    found = team.analyse(view(), Portfolio(cash=Decimal(1)), cycle)
    heard = any(signal.agent == "risers" for signal in found.signals)
    assert heard == (cycle.kind.weight_set is WeightSet.CURRENT)
    assert heard == (cycle.name == DECIDE.name)


def signal(agent: str, score: float) -> Signal:
    return Signal(agent=agent, symbol="AAPL", score=score, confidence=1.0, reason="r")


def test_without_a_weight_it_is_shown_and_moves_nothing_and_with_one_it_counts() -> None:
    ours, theirs = signal("market", 0.5), signal("risers", -1.0)
    shown = weigh([ours, theirs], {"market": 0.2})
    assert [vote.weight for vote in shown] == [1.0, 0.0]
    counted = weigh([ours, theirs], {"market": 0.2, "risers": 0.2})
    assert sum(vote.weight * vote.signal.score for vote in counted) == pytest.approx(-0.25)
