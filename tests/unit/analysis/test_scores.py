"""The scoreboard's figures against what they are defined as."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.capital import CapitalRule
from analysis.evidence import Evidence
from analysis.scorekeeper import ScoreState, SessionSeen, close_session
from analysis.scores import (
    Interval,
    excess_by_name,
    mean_with_interval,
    returns_by_name,
    returns_per_year,
    scoreboard,
    sessions_until_known,
    sharpe_with_interval,
)
from analysis.significance import probabilistic_sharpe_ratio
from core.market import Floats
from core.scoreboard import Outcome, SessionClose
from core.statistics import sharpe_ratio

RETURNS = np.random.default_rng(4).standard_t(5, 800) * 0.01 + 0.0008


def test_the_interval_holds_the_ratio_and_narrows_with_time() -> None:
    whole, low, high = sharpe_with_interval(RETURNS)
    assert whole == pytest.approx(sharpe_ratio(RETURNS))
    assert low is not None
    assert high is not None
    _, short_low, short_high = sharpe_with_interval(RETURNS[:200])
    assert low < whole < high  # type: ignore[operator]
    assert short_high - short_low > high - low  # type: ignore[operator]


def test_the_interval_holds_the_truth_in_about_19_of_20_worlds() -> None:
    dice, truth, held = np.random.default_rng(7), 1.0, 0
    for _ in range(400):
        _, low, high = sharpe_with_interval(0.01 * (dice.standard_normal(504) + truth / math.sqrt(252)))
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize("sessions", [3, 5, 20, 120])
@pytest.mark.parametrize("echo", [0.0, 0.15])
@pytest.mark.parametrize("interval", [mean_with_interval, sharpe_with_interval])
def test_with_few_or_echoing_returns_of_fat_tails_the_interval_holds_the_truth_hardly_less_often(
    sessions: int, echo: float, interval: Callable[[Floats], Interval]
) -> None:
    dice, held, worlds = np.random.default_rng(11), 0, 600
    shocks = dice.standard_t(5, (worlds, 30 + sessions))
    for row in range(1, 30 + sessions):
        shocks[:, row] += echo * shocks[:, row - 1]
    for world in shocks[:, 30:]:
        _, low, high = interval(0.01 * world)
        assert low is not None
        assert high is not None
        held += low <= 0.0 <= high
    assert held / worlds >= 0.91  # with the normal quantile and no echo 0.83 of three returns


def test_a_book_that_misses_every_other_close_has_half_the_returns_a_year() -> None:
    days = np.busday_offset("2024-01-02", np.arange(0, 200), roll="forward")

    def closes(name: str, step: int) -> list[SessionClose]:
        return [SessionClose(session=str(day), name=name, equity=100.0) for day in days[::step]]

    found = returns_per_year([*closes("whole", 1), *closes("half", 2), *closes("one", 500)])
    assert found["whole"] == 252
    assert found["half"] == pytest.approx(126, rel=0.05)
    assert found["one"] == found["nobody"] == 252
    mean, low, _ = mean_with_interval(RETURNS, 126)
    twice, twice_low, _ = mean_with_interval(RETURNS)
    assert (mean, low) == pytest.approx((twice / 2, twice_low / 2))  # type: ignore[operator]


def test_the_minimum_track_record_is_where_the_probability_reaches_95_percent() -> None:
    excess = RETURNS[:300]
    left = sessions_until_known(excess)
    assert left is not None
    assert left > 0
    repeated = np.tile(excess, 40)[: 300 + left]
    reached = probabilistic_sharpe_ratio(repeated)
    assert reached == pytest.approx(0.95, abs=0.02)
    assert sessions_until_known(-excess) is None
    assert sessions_until_known(np.zeros(50)) is None


@given(st.lists(st.floats(-0.05, 0.05), min_size=3, max_size=50))
def test_mean_a_year(values: list[float]) -> None:
    mean, low, high = mean_with_interval(np.array(values))
    assert mean == pytest.approx(252 * float(np.mean(values)))
    assert low <= mean <= high  # type: ignore[operator]


def test_deposits_are_no_returns_and_the_first_close_has_none() -> None:
    closes = [
        SessionClose(session="2024-01-02", name="account", equity=100.0),
        SessionClose(session="2024-01-03", name="account", equity=160.0, paid_in=50.0),
        SessionClose(session="2024-01-04", name="account", equity=144.0),
    ]
    assert returns_by_name(closes) == {
        "account": {"2024-01-03": pytest.approx(0.10), "2024-01-04": pytest.approx(-0.10)}
    }


def test_a_book_that_missed_sessions_is_held_against_the_yardstick_over_as_many() -> None:
    equity = {"02": (100.0, 100.0), "03": (102.0, None), "04": (104.04, 104.04), "05": (104.04, 105.0804)}
    closes = [
        SessionClose(session=f"2024-01-{day}", name=name, equity=worth)
        for day, both in equity.items()
        for name, worth in zip(("baseline", "runbook"), both, strict=True)
        if worth is not None
    ]
    found = excess_by_name(closes)
    assert found["runbook"] == pytest.approx([0.0, 0.01])
    assert found["baseline"] == pytest.approx([0.0, 0.0, 0.0])
    assert not len(found["nobody"])
    assert not excess_by_name([close for close in closes if close.name == "runbook"])["runbook"].size


def test_the_scoreboard_says_of_each_what_is_known() -> None:
    rule, state, closes, taught = CapitalRule(challengers=()), ScoreState(), [], list[Outcome]()
    dice = np.random.default_rng(2)
    base, good, day = 100.0, 100.0, np.datetime64("2020-01-01")
    names = tuple("ABCDEF")
    opens: dict[str, float] = {}
    for row in range(700):
        said = {"seer": dict(zip(names, dice.normal(size=6).tolist(), strict=True))}
        before = state.said.get(str(day + row - 2), {}).get("seer", {})
        opens = {name: 0.01 * before.get(name, 0.0) + float(dice.normal(0, 0.01)) for name in names}
        seen = SessionSeen(
            session=str(day + row), equity={"baseline": base, "good": good}, said=said,
            judged_session=str(day + row - 2), opens=opens,
        )  # fmt: skip
        closes += [SessionClose(session=seen.session, name=n, equity=e) for n, e in seen.equity.items()]
        state, outcomes = close_session(state, seen, capital_rule=rule)
        taught += [one for one in outcomes if one.kind == "agent"]
        move = float(dice.normal(0, 0.01))
        base, good = base * (1 + move), good * (1 + move + float(dice.normal(0.001, 0.003)))
    board = scoreboard(closes, taught, state, {"seer": 0.3, "mute": 0.1}, "earned")
    found = {book.name: book for book in board.shadow_books}
    assert found["baseline"].evidence is None
    assert found["good"].evidence is not None
    assert found["good"].evidence.state == "shown"
    assert found["good"].sessions_left == 0
    assert found["good"].return_total == pytest.approx(closes[-1].equity / 100.0 - 1)
    (seer,) = board.agents
    assert seer.counts
    assert seer.evidence.state == "shown"
    assert board.notes == (
        "2 books and agents are judged at once: without any edge each has a chance of 1 in 20 to be shown, so "
        "one of them may be by chance; from an evidence of 40 on that chance is 1 in 20 for all of them together",
    )
    assert seer.excess is not None
    assert seer.excess > 0
    early = ScoreState(session="2020-02-01", agents={"seer": Evidence()})
    unearned = scoreboard(closes, taught[:50], early, {"seer": 0.3}, "earned")
    assert not unearned.agents[0].counts
    assert unearned.notes
