"""The steps of a session, read one at a time: the same as all at once."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from tests.ledger_rows import CHECKS, DECIDES, START, report


def test_a_sessions_steps_are_those_recorded_in_it_without_what_ifs_and_none_is_kept(tmp_path: Path) -> None:
    at = [START + timedelta(minutes=5 * number) for number in range(7)]
    steps = [
        replace(report(number, CHECKS if number % 2 else DECIDES), as_of=moment)
        for number, moment in enumerate(at)
    ]
    steps[3] = replace(steps[3], cycle=dataclasses.replace(steps[3].cycle, as_of=START))
    ledger = SqliteLedger(tmp_path / "ledger.db", route=OrderRoute.PAPER_BUILTIN)
    try:
        for step in steps:
            ledger.record(step)
        found, wanted = ledger.steps_between(at[0], at[5]), [steps[1], steps[2], steps[4], steps[5]]
        assert list(found) == wanted and len(found) == len(wanted)
        assert list(reversed(found)) == wanted[::-1] and found[-1] == wanted[-1]
        assert list(found[1:3]) == wanted[1:3]
        assert found[0] is not found[0], "a step that was looked at is not kept"
        with pytest.raises(IndexError):
            _ = found[4]
        assert not ledger.steps_between(at[6], at[6])
    finally:
        ledger.close()
