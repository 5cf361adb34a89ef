"""What the process holds of the machine's memory, and giving back what it no longer needs."""

from __future__ import annotations

import ctypes
import gc
import sys


def resident_mb() -> float | None:
    """Give the process's resident memory in MiB; None where the platform does not say."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # not a path of ours
            return round(int(statm.read().split()[1]) * 4096 / 2**20, 1)
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20, 1)


def give_back() -> None:
    """Return freed memory to the system, after work that took much of it for a while.

    glibc keeps what large arrays leave behind; elsewhere nothing needs to be done.
    """
    gc.collect()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
