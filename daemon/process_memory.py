"""The process's resident memory, and the release of what it no longer needs."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from functools import cache

ARROW_POOL = "ARROW_DEFAULT_MEMORY_POOL"
ARENAS_MAX = 2
_M_ARENA_MAX = -8  # of malloc.h


def keep_little() -> None:
    """Let the C library keep less of what was freed, in this process; Arrow too, also in its children.

    glibc has an arena for each thread, and each keeps its own holes: two are enough where one thread decides.
    Arrow's own pool keeps what each thread once freed: a panel that is read or written each session left more and
    more of it behind, and `release_memory` cannot reach it.
    """
    mallopt = _of_c_library("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS_MAX)
    os.environ.setdefault(ARROW_POOL, "system")  # read when it is imported
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.set_memory_pool(arrow.system_memory_pool())


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
