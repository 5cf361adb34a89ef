"""The first minute: simulated days in which something is bought, sold and refused."""

from __future__ import annotations

from tests.cli.conftest import run
from tests.servers.daemon import free_port


def test_days_are_lived_and_traded_through() -> None:
    done = run("demo", "--days", "4", "--begin", "2024-03-04", "--port", str(free_port()), "--no-stay")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    days = [line for line in lines if "equity" in line]
    assert [day[:14] for day in days] == ["Mon 2024-03-04", "Tue 2024-03-05", "Wed 2024-03-06", "Thu 2024-03-07"]
    assert "Prices are invented" in lines[0]
    fills = [line for line in lines if " at " in line and ("buy " in line or "sell " in line)]
    assert len(fills) > 3
    assert any("refused" in line for line in lines)
    assert not days[-1].endswith("nothing")
