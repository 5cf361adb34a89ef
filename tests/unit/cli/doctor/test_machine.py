"""What is said of this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.doctor import machine


def test_the_exchange_is_open_or_opens_by_the_calendar() -> None:
    half_day = machine.exchange(datetime(2024, 11, 29, 15, 0, tzinfo=UTC)).found
    assert half_day == "NYSE is open until Fri 2024-11-29 13:00 New York; here it is Fri 10:00 there"
    weekend = machine.exchange(datetime(2024, 3, 9, 15, 0, tzinfo=UTC)).found
    assert "closed, opens Mon 2024-03-11 09:30" in weekend


def verdicts(state: Path, models: Path) -> dict[str, str]:
    return {one.check: one.verdict.value for one in machine.permissions(state, models, state)}


def test_a_state_that_is_a_file_or_lies_in_one_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert verdicts(file, tmp_path)["permissions: state"] == "fault"
    assert verdicts(file / "state", tmp_path)["permissions: state"] == "fault"
    assert verdicts(tmp_path, tmp_path / "new") == {"permissions: state": "ok"}


@pytest.mark.parametrize("variables", [{"TRADING_PORT": "abc"}, {"TRADING_API_TOKEN": "sécret"}])
def test_a_port_or_token_that_cannot_be_used_is_a_finding(variables: dict[str, str]) -> None:
    found = machine.port({"TRADING_PORT": "1", **variables})
    assert found.verdict.value == "fault"
    assert found.to_do
    assert "cret" not in found.found
