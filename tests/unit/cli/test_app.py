"""The command line's start: what every command pays, and each word that is completed."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.daemon import ROOT

HEAVY = ("numpy", "pandas", "pydantic", "config", "fastapi", "matplotlib")


def test_the_commands_are_known_without_the_settings_and_what_comes_with_them() -> None:
    asked = (
        f"import sys, cli.app; print([name for name in {HEAVY} if name in sys.modules], cli.app.app.info.help)"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] A trading daemon for US stocks whose every decision can be replayed."
