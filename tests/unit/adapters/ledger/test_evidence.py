"""The ledger of evidence keeps a session whole or not at all, and gives back what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.ledger.evidence import EvidenceLedger
from core.errors import LedgerError
from core.scoreboard import Outcome, SessionClose


def outcome(session: str, name: str = "runbook", state: str = "not known") -> Outcome:
    return Outcome(
        session=session,
        kind="book",
        name=name,
        excess_return=0.1 + 0.2,
        e_value=1.5,
        e_value_worse=0.5,
        state=state,
    )


def close(session: str, name: str = "runbook") -> SessionClose:
    return SessionClose(session=session, name=name, equity=100_000.1, paid_in=0.0)


def test_what_was_written_is_given_back_after_a_restart(tmp_path: Path) -> None:
    ledger = EvidenceLedger(tmp_path / "evidence.sqlite")
    assert ledger.state() == b""
    for session in ("2024-01-02", "2024-01-03"):
        ledger.record([close(session)], [outcome(session)], session.encode())
    ledger.close()
    again = EvidenceLedger(tmp_path / "evidence.sqlite")
    assert again.state() == b"2024-01-03"
    assert again.closes() == (close("2024-01-02"), close("2024-01-03"))
    assert again.closes("2024-01-03") == (close("2024-01-03"),)
    assert again.outcomes("book", "runbook") == (outcome("2024-01-02"), outcome("2024-01-03"))
    assert again.outcomes_of_session("2024-01-03") == (outcome("2024-01-03"),)
    again.close()


def test_a_session_is_written_once_and_whole() -> None:
    ledger = EvidenceLedger(None)
    ledger.record([close("2024-01-02")], [outcome("2024-01-02")], b"one")
    with pytest.raises(LedgerError):
        ledger.record([close("2024-01-03"), close("2024-01-02")], [outcome("2024-01-03")], b"two")
    assert ledger.state() == b"one"
    assert len(ledger.closes()) == 1
    assert not ledger.outcomes_of_session("2024-01-03")


def test_the_state_until_a_session() -> None:
    ledger = EvidenceLedger(None)
    ledger.record([], [outcome("2024-01-02")], b"")
    ledger.record([], [outcome("2024-01-04", state="shown")], b"")
    assert ledger.state_until("2024-01-01", "book", "runbook") == ""
    assert ledger.state_until("2024-01-03", "book", "runbook") == "not known"
    assert ledger.state_until("2024-01-04", "book", "runbook") == "shown"
