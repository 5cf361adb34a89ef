"""What had been earned by a decision is found again from the ledger of evidence: as the daemon knew it then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.capital import CapitalRule
from analysis.scorekeeper import ScoreState, SessionSeen, close_session
from backtest.app.recorded_evidence import SHOWN, known_after
from core.scoreboard import Outcome, SessionClose
from tests.unit.analysis.test_scorekeeper import NAMES, curve, days

RULE = CapitalRule(challengers=("good", "other"), seed=0.1, granted_max=0.3)
SESSIONS = 500


def walked() -> tuple[list[ScoreState], list[SessionClose], Mapping[str, Sequence[Outcome]]]:
    """Sessions with a book that is shown, one that is not, a session without the yardstick, and an agent."""
    drifts = {"baseline": 0.0, "good": 0.003, "other": 0.0}
    curves = {name: curve(seed, drift, SESSIONS) for seed, (name, drift) in enumerate(drifts.items(), start=1)}
    opens = {name: 0.001 * place for place, name in enumerate(NAMES)}
    said = {"oracle": {name: float(place) for place, name in enumerate(NAMES)}}
    states, closes, taught, listed = [ScoreState()], [], {}, days(SESSIONS)
    dice = np.random.default_rng(7)
    for row, day in enumerate(listed):
        equity = {n: float(of_one[row]) for n, of_one in curves.items() if row != 50 or n != "baseline"}
        moved = {name: value + float(dice.normal(0, 0.002)) for name, value in opens.items()}
        judged = listed[row - 2] if row >= 2 else ""
        seen = SessionSeen(session=day, equity=equity, said=said, judged_session=judged, opens=moved)
        state, outcomes = close_session(states[-1], seen, capital_rule=RULE)
        states.append(state)
        taught[day] = outcomes
        closes += [SessionClose(session=day, name=name, equity=value) for name, value in equity.items()]
    return states, closes, taught


def test_capital_and_shown_agents_are_those_that_the_daemon_knew() -> None:
    states, closes, taught = walked()
    assert states[-1].capital.grants["good"] > 0
    assert states[-1].shown_agents() == ("oracle",)
    for place in (0, 1, 49, 50, 51, 52, 300, SESSIONS):
        known_days = list(taught)[:place]
        known = known_after(
            [close for close in closes if close.session in known_days],
            {day: taught[day] for day in known_days},
            RULE,
        )
        expected = states[place]
        assert known.capital == (expected.capital if place else RULE.opening()), place
        shown = {name for (kind, name), state in known.states.items() if kind == "agent" and state is SHOWN}
        assert tuple(sorted(shown)) == expected.shown_agents()
