"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache


def give_back() -> bool:
    """Return freed memory to the system, where the C library keeps it (glibc); tell whether it was asked to.

    glibc keeps what a thread freed in an arena of that thread's. Long work passes tens of megabytes through
    threads that come and go, so a daemon would seem to grow with each piece of it.
    """
    gc.collect()
    trim = _trim()
    if trim is None:
        return False
    trim(0)
    return True


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
