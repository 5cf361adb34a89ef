"""The stand-in broker as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.servers.daemon import ROOT

BEFORE = datetime(2021, 1, 4, tzinfo=UTC)
"""Earlier than any simulated week: the stand-in's clock goes forward only."""


@contextmanager
def broker_process(seed: int) -> Iterator[str]:
    """Start one and give its address; it ends with its stdin."""
    began = ["--seed", str(seed), "--now", BEFORE.isoformat()]
    command = [sys.executable, "-m", "tests.servers.alpaca_broker", *began]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())["url"]
        finally:
            child.stdin.close()
