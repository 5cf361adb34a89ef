"""Matrix products on one thread: the same figures on every machine, whatever its cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numpy's matrix products on one thread while in it; as a decorator, during each call.

    On several, OpenBLAS cuts a product up by the number of cores, and the last bits of the sum follow the cuts:
    a weight or a percentile would depend on the machine. Its other threads also spin for a while after it.
    """
    with _blas().limit(limits=1, user_api="blas"):
        yield


@cache
def _blas() -> ThreadpoolController:
    import numpy  # noqa: PLC0415, F401  # its library is found once it is loaded

    return ThreadpoolController()
