"""Finding a recorded decision and the step before it, however far back either lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backtest.replay import find
from core.errors import RequestError
from pipeline.execution import decisions_about_now, newest_decision
from tests.ledger_rows import CHECKS, DECIDES, START, ledger_of, report


def test_the_step_before_is_found_behind_many_what_ifs_and_many_newer_steps() -> None:
    what_if = replace(DECIDES, as_of=START)
    steps = [
        report(0, CHECKS),
        *(report(number, what_if) for number in range(1, 151)),
        report(151, DECIDES),
        *(report(number, CHECKS) for number in range(152, 400)),
    ]
    found = find(ledger_of(steps), "step-151")
    assert found.report == steps[151]
    assert found.before == steps[0]


def test_the_first_decision_has_none_before_it_and_an_unknown_one_is_refused() -> None:
    ledger = ledger_of([report(0, DECIDES)])
    assert find(ledger, "step-0").before is None
    with pytest.raises(RequestError, match="no decision step-9"):
        find(ledger, "step-9")


def test_the_newest_decision_is_found_behind_1100_risk_checks_and_what_ifs() -> None:
    steps = [
        report(0, DECIDES),
        report(1, DECIDES),
        report(2, replace(DECIDES, as_of=START)),
        *(report(number, CHECKS) for number in range(3, 1103)),
    ]
    ledger = ledger_of(steps)
    assert newest_decision(ledger) == steps[1]
    assert list(decisions_about_now(ledger)) == [steps[1], steps[0]]
    assert newest_decision(ledger_of(steps[2:20])) is None
