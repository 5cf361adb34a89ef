"""A slice of `python -m tests.simulation.outside_changes`: one case of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.outside_changes import CHANGES, run


@pytest.mark.parametrize("seed", range(len(CHANGES)))
def test_a_change_from_outside_is_booked_or_told_within_one_reconciliation(seed: int, tmp_path: Path) -> None:
    assert run(seed, tmp_path) == (list(CHANGES)[seed], [])
