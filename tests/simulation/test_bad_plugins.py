from __future__ import annotations

import pytest

from tests.simulation.bad_plugins import run_case


@pytest.mark.parametrize("seed", range(4))
def test_the_step_goes_on_whatever_a_users_agent_does(seed: int) -> None:
    run_case(seed)
