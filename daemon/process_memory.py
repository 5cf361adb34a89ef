"""The process's resident memory, and the release of what it no longer needs."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from functools import cache

ARENAS_MAX = 2
BLOCK_BYTES_MAX = 1 << 20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"


def keep_little() -> bool:
    """Let the C library give freed memory back sooner (glibc); tell whether it was asked to.

    By itself it makes an arena for each thread, and puts blocks of up to 32 MiB into them once one of that size
    was freed; what is freed between two that stay cannot go back. A panel's arrays come and go each session, so
    over a month a sixth of the process was such holes. Here a block of 1 MiB or more has pages of its own, which
    go when it goes. Arrow, whose own pool keeps what it freed, is told to use the C library.
    """
    os.environ.setdefault(_ARROW_POOL, "system")  # read when it is imported
    mallopt = _of_c_library("mallopt")
    if mallopt is None:
        return False
    sizes = {_M_ARENA_MAX: ARENAS_MAX, _M_MMAP_THRESHOLD: BLOCK_BYTES_MAX, _M_TRIM_THRESHOLD: BLOCK_BYTES_MAX}
    return all(mallopt(name, value) for name, value in sizes.items())


def resident_mb() -> float | None:
    """Return the process's resident memory in MiB; None where the platform does not say."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # not a path of ours
            return round(int(statm.read().split()[1]) * 4096 / 2**20, 1)
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20, 1)


def release_memory() -> bool:
    """Return freed memory to the system, where the C library keeps it (glibc); tell whether it was asked to.

    glibc keeps what a thread freed in an arena of that thread's. Long work passes tens of megabytes through
    threads that come and go, so a daemon would seem to grow with each piece of it.
    """
    gc.collect()
    trim = _of_c_library("malloc_trim")
    if trim is None:
        return False
    trim(0)
    return True


@cache
def _of_c_library(name: str) -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
