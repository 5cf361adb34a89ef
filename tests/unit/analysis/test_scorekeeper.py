"""Session by session: what a close teaches, of what, and from which prices; never from later ones."""

from __future__ import annotations

import math
from dataclasses import replace as changed

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.capital import CapitalRule
from analysis.evidence import Evidence, EvidenceState, gather
from analysis.scorekeeper import ScoreState, SessionSeen, close_session, rank_excess, seen_at
from core.market_analysis import Signal
from core.types import MarketView
from tests.panels import make_panel

RULE = CapitalRule(challengers=("good",))
NAMES = tuple("ABCDEFGH")


def days(count: int) -> list[str]:
    return [str(np.datetime64("2020-01-01") + day) for day in range(count)]


def walk(
    curves: dict[str, np.ndarray], paid: dict[str, np.ndarray] | None = None
) -> tuple[ScoreState, list[float]]:
    """Close a session for each point of the curves; return the state and the excess of `good`."""
    state, excess = ScoreState(), []
    for row, day in enumerate(days(len(next(iter(curves.values()))))):
        seen = SessionSeen(
            session=day,
            equity={name: float(curve[row]) for name, curve in curves.items()},
            paid_in_total={name: float(total[row]) for name, total in (paid or {}).items()},
        )
        state, outcomes = close_session(state, seen, capital_rule=RULE)
        excess += [one.excess_return for one in outcomes if one.name == "good"]
    return state, excess


def curve(seed: int, drift: float, sessions: int = 600) -> np.ndarray:
    moves = np.random.default_rng(seed).normal(drift, 0.01, sessions)
    return np.asarray(100_000.0 * np.cumprod(1 + moves))


def test_a_books_evidence_is_that_of_its_excess_over_the_yardstick() -> None:
    base, good = curve(1, 0.0), curve(2, 0.003)
    state, excess = walk({"baseline": base, "good": good})
    expected = good[1:] / good[:-1] - base[1:] / base[:-1]
    assert excess == pytest.approx(list(expected))
    assert state.books["good"].evidence == gather(excess)
    assert state.books["good"].evidence.state is EvidenceState.SHOWN
    assert state.books["baseline"].evidence == Evidence()
    assert state.capital.grants["good"] > 0, "what is shown was granted capital"


def test_what_a_person_pays_in_is_no_profit() -> None:
    base, good = curve(1, 0.0, 50), curve(2, 0.0, 50)
    paid = np.where(np.arange(50) >= 20, 50_000.0, 0.0)
    grown = good.copy()
    for row in range(20, 50):
        grown[row] = (grown[row - 1] * good[row] / good[row - 1]) + (50_000.0 if row == 20 else 0.0)
    _, plain = walk({"baseline": base, "good": good})
    _, with_deposit = walk({"baseline": base, "good": grown}, {"good": paid})
    assert with_deposit == pytest.approx(plain)


def test_a_session_that_a_book_missed_is_judged_with_the_next() -> None:
    base, good = curve(1, 0.0, 10), curve(2, 0.0, 10)
    state = ScoreState()
    told = []
    for row, day in enumerate(days(10)):
        equity = {"baseline": float(base[row]), "good": float(good[row])}
        if row == 5:
            del equity["good"]
        state, outcomes = close_session(state, SessionSeen(session=day, equity=equity), capital_rule=RULE)
        told += [(day, one.excess_return) for one in outcomes if one.name == "good"]
    assert len(told) == 8
    assert told[5 - 1][1] == pytest.approx(good[6] / good[4] - base[6] / base[4])


def test_without_the_yardstick_nothing_is_judged_until_it_is_back() -> None:
    base, good = curve(1, 0.0, 6), curve(2, 0.0, 6)
    state, told = ScoreState(), []
    for row, day in enumerate(days(6)):
        equity = {"good": float(good[row])} | ({} if row in (2, 3) else {"baseline": float(base[row])})
        state, outcomes = close_session(state, SessionSeen(session=day, equity=equity), capital_rule=RULE)
        told += [one.excess_return for one in outcomes]
    assert len(told) == 3
    assert told[1] == pytest.approx(good[4] / good[1] - base[4] / base[1])


@given(st.lists(st.floats(-0.1, 0.1), min_size=8, max_size=8), st.floats(-0.2, 0.2))
def test_the_universes_own_move_has_no_part_in_an_agents_outcome(returns: list[float], move: float) -> None:
    scores = {name: float(place) for place, name in enumerate(NAMES)}
    plain = rank_excess(scores, dict(zip(NAMES, returns, strict=True)))
    moved = rank_excess(scores, {name: r + move for name, r in zip(NAMES, returns, strict=True)})
    assert moved == pytest.approx(plain, abs=1e-12)
    mirrored = rank_excess(
        {name: -score for name, score in scores.items()}, dict(zip(NAMES, returns, strict=True))
    )
    assert mirrored == pytest.approx(-plain, abs=1e-12)


def test_an_agent_that_ranks_nothing_or_too_few_teaches_nothing() -> None:
    returns = dict.fromkeys(NAMES, 0.01)
    assert math.isnan(rank_excess(dict.fromkeys(NAMES, 0.7), returns))
    assert math.isnan(rank_excess({"A": 1.0, "B": 0.0}, returns))


def says(view: MarketView) -> list[Signal]:
    return [
        Signal(agent="one", symbol=s, score=i / 100, confidence=1, reason="")
        for i, s in enumerate(view.bars.symbols)
    ]


def view_at(row: int, poison_from: int | None = None) -> MarketView:
    panel = make_panel(3, 300)
    if poison_from is not None:
        fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
        for table in fields.values():
            table[poison_from:] = 1e6
        panel = changed(panel, **fields)
    bars = panel.prefix(row + 1)
    return MarketView(as_of=panel.closed_at[row], bars=bars, source="test")


def test_what_was_said_at_a_close_is_held_from_the_next_opening_to_the_one_after() -> None:
    state = ScoreState()
    taught = []
    for row in (100, 101, 102):
        seen = seen_at(view_at(row), {"baseline": 1.0}, {}, says(view_at(row)))
        state, outcomes = close_session(state, seen, capital_rule=RULE)
        taught.append([one.excess_return for one in outcomes if one.kind == "agent"])
    bars = view_at(102).bars
    opens = dict(zip(bars.symbols, (bars.open[102] / bars.open[101] - 1).tolist(), strict=True))
    said = {signal.symbol: signal.score for signal in says(view_at(100))}
    assert taught[:2] == [[], []]
    assert taught[2] == [pytest.approx(rank_excess(said, opens))]


def test_what_was_halted_or_delisted_counts_at_its_last_close_in_what_an_agent_is_judged_by() -> None:
    view = view_at(102)
    arrays = {name: getattr(view.bars, name).copy() for name in ("open", "close")}
    symbol, kept = view.bars.symbols[0], view.bars.symbols[1]
    arrays["open"][-1, 0] = np.nan
    arrays["close"][-2, 0] = 0.5 * arrays["open"][-2, 0]
    seen = seen_at(changed(view, bars=changed(view.bars, **arrays)), {"baseline": 1.0}, {}, ())
    assert seen.opens[symbol] == pytest.approx(-0.5)
    assert seen.opens[kept] == pytest.approx(view.bars.open[-1, 1] / view.bars.open[-2, 1] - 1)


def test_a_poisoned_future_changes_no_outcome_before_it() -> None:
    def taught(poison_from: int | None) -> bytes:
        state, all_of_it = ScoreState(), []
        for row in range(100, 130):
            view = view_at(row, poison_from)
            seen = seen_at(view, {"baseline": 1.0 + row / 1000, "good": 2.0 + row / 900}, {}, says(view))
            state, outcomes = close_session(state, seen, capital_rule=RULE)
            all_of_it.append((outcomes, state))
        return msgspec.json.encode(all_of_it)

    assert taught(None) == taught(130)
    assert taught(None) != taught(120), "the poison does reach what it may reach"


def test_the_state_goes_through_json_and_goes_on_as_if_nothing_had_been() -> None:
    base, good = curve(1, 0.0, 120), curve(2, 0.002, 120)
    whole, _ = walk({"baseline": base, "good": good})
    state = ScoreState()
    for row, day in enumerate(days(120)):
        seen = SessionSeen(session=day, equity={"baseline": float(base[row]), "good": float(good[row])})
        state, _ = close_session(state, seen, capital_rule=RULE)
        state = msgspec.json.decode(msgspec.json.encode(state), type=ScoreState)
    assert state == whole
