"""yfinance, loaded at first use and set up once for a process."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import Any


class _ClosingConnection(sqlite3.Connection):
    """Closed when its thread ends: yfinance opens one in each of its threads and closes none."""

    def __del__(self) -> None:
        self.close()


@cache
def load_yfinance(folder: Path) -> Any:
    """Return the module; it keeps cookies and time zones in a folder of ours.

    Parameters
    ----------
    folder : Path
        Made when missing.
    """
    # heavy: imported at first use (0.6 s)
    import multitasking  # type: ignore[import-untyped]  # noqa: PLC0415  # ships no types
    import yfinance  # noqa: PLC0415
    from yfinance.cache import _CookieDBManager, _TzDBManager  # noqa: PLC0415  # no public name is closer

    folder.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(folder))
    for manager in (_TzDBManager, _CookieDBManager):
        manager.get_database().connect_params.update(factory=_ClosingConnection, check_same_thread=False)
    multitasking.set_daemon(True)  # a download given up on must not hold up the process's exit
    return yfinance
