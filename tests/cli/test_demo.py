"""The first minute: simulated days in which something is bought, sold and refused."""

from __future__ import annotations

from tests.cli.conftest import run
from tests.servers.daemon import free_port


def test_days_are_lived_and_traded_through() -> None:
    done = run("demo", "--days", "3", "--begin", "2024-03-04", "--port", str(free_port()), "--no-stay")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    days = [line for line in lines if "equity" in line and not line.startswith(" ")]
    assert [day[:14] for day in days] == ["Mon 2024-03-04", "Tue 2024-03-05", "Wed 2024-03-06"]
    assert "Prices are invented" in lines[0]
    fills = [line for line in lines if " at " in line and ("buy " in line or "sell " in line)]
    assert len(fills) > 3
    assert any(
        "sell" in fill and fill.endswith((", take_profit", ", stop_loss", ", trailing_stop")) for fill in fills
    )
    decided = [line for line in lines if "decided to trade " in line]
    assert len(decided) > 1
    letters = [line for line in lines if "letter of the day: http://" in line]
    assert [letter.split("/")[-2] for letter in letters] == [day[4:14] for day in days]
    assert lines[lines.index(letters[0]) + 1].startswith("    "), "the first one's text"
    assert any("refused" in line for line in lines)
    assert not days[-1].endswith("nothing")
