"""What the show prints is so: each lie and the death are an abstention with its reason, the return is a vote."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.simulation.remote_agent_show import lies_dies_and_comes_back


def test_a_language_model_that_lies_dies_and_comes_back_has_its_lines(tmp_path: Path) -> None:
    told = asyncio.run(lies_dies_and_comes_back(tmp_path))
    said = told.decisions
    assert "votes, such as" in said["it answers"]
    assert "+0.5 (scripted-1) weight 0" in said["it answers"]
    assert "Expected `float`, got `str`" in said["it lies: a word where a number must be"]
    assert "+1 (scripted-1)" in said["it lies: 400, and a stock that nobody asked for"]
    assert "abstains: what it answered is no answer of this kind" in said["it lies: a sentence"]
    assert said["it is dead"] == "abstains: its server cannot be asked: the connection is refused"
    assert "+0.25 (scripted-1) weight 0" in said["it is back"]
    assert told.board == ["analyst: weight 0, sessions 0, not known"]
    (line,) = told.letter
    assert "analyst in 3 (" in line
