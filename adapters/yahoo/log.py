"""The log of yfinance, captured: it names the reasons that its answers leave out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def captured_log() -> Iterator[list[str]]:
    """Collect yfinance's log messages instead of printing them, and empty its cache of answers first.

    yfinance keeps answers about past days for the life of the process, refusals among them, so that asking
    again would repeat the old answer.
    """
    from yfinance.data import YfData  # noqa: PLC0415  # heavy: imported at first use

    messages: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            messages.append(" ".join(record.getMessage().split()))
        return False

    logger = logging.getLogger("yfinance")
    YfData.cache_get.cache_clear()
    logger.addFilter(keep)
    try:
        yield messages
    finally:
        logger.removeFilter(keep)


@contextmanager
def pandas_warnings_ignored() -> Iterator[None]:
    """Keep quiet the warnings of pandas 3 about yfinance's own code.

    Python's filters belong to the whole process: enter this in the thread that waits, never in one that may be
    given up on, since that would put old filters back at any time.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"yfinance(\.|$)")
        yield
