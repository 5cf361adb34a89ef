"""Freed memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.process_memory import release_memory

BLOCKS, BLOCK_BYTES = 20_000, 3_000


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


@pytest.mark.parametrize("first", ["", "import pyarrow\n"], ids=["imported after", "imported before"])
def test_arrow_takes_its_memory_where_it_can_be_given_back(first: str) -> None:
    made = (
        f"{first}from daemon.process_memory import keep_little\n"
        "keep_little()\n"
        "import pyarrow\n"
        "print(pyarrow.default_memory_pool().backend_name)"
    )
    said = subprocess.run([sys.executable, "-c", made], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "system"
