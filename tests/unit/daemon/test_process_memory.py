"""Freed memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.process_memory import release_memory

BLOCKS, BLOCK_BYTES = 20_000, 3_000
HOLES = """
import sys
from pathlib import Path
from daemon.process_memory import keep_little

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

if sys.argv[1] == "bounded":
    assert keep_little()
block = 8 << 20
del (first := [bytearray(block)])[:]  # a block of that size was freed once
arrays, kept = [], []
for _ in range(10):
    arrays.append(bytearray(block))
    kept.append(bytearray(2000))  # what stays, between two that go
high = resident_mib()
del arrays
print(high - resident_mib())
"""


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps it, and only Linux tells")
def test_what_was_freed_under_something_kept_is_given_back() -> None:
    blocks = [bytearray(BLOCK_BYTES) for _ in range(BLOCKS)]
    kept = blocks[-1]  # the heap cannot shrink below it by itself
    del blocks
    before = resident_mib()
    assert release_memory()
    assert resident_mib() < before - BLOCKS * BLOCK_BYTES / 2**20 / 2
    assert len(kept) == BLOCK_BYTES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has these settings")
def test_large_blocks_go_back_at_once_though_small_ones_between_them_stay() -> None:
    command = [sys.executable, "-c", HOLES]
    given_back = {
        mode: float(subprocess.run([*command, mode], check=True, capture_output=True, text=True).stdout)
        for mode in ("bounded", "as it comes")
    }
    assert given_back["bounded"] > 75
    assert given_back["as it comes"] < 40, "the C library does it by itself: the settings can go"
