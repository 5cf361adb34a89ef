"""How hypothesis searches: the same examples at each run, and no example fails for having been slow.

`pytest --hypothesis-profile=search` draws other examples each time.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SLOW_IS_FINE = [HealthCheck.too_slow]
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=SLOW_IS_FINE)
settings.register_profile("search", deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile("suite")
