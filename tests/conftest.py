"""How hypothesis searches: the same examples at each run, and no example fails for having been slow.

`pytest --hypothesis-profile=search` draws other examples each time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog.dev import ConsoleRenderer, plain_traceback

from tests.servers.once import made_once

SLOW_IS_FINE = [HealthCheck.too_slow]
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=SLOW_IS_FINE)
settings.register_profile("search", deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile("suite")

# a planted bug's traceback drawn with all local variables, whole panels among them, takes two seconds
*before, _ = structlog.get_config()["processors"]
structlog.configure(processors=[*before, ConsoleRenderer(exception_formatter=plain_traceback)])


@pytest.fixture(scope="session")
def trained_state(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The state of a daemon that trained, decided and was stopped; tests work on copies of it."""
    from tests.servers.daemon import STATE, trained

    return made_once("trained", trained, tmp_path_factory, worker_id) / STATE
