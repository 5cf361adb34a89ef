"""The check of an agent as it is loaded: short, on the bars at hand, in one child process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtest.app.agent_check.leaks import examine
from config.trading import TradingSettings
from core.market import FIELDS
from core.plugins import Plugin
from core.types import BarPanel

SESSIONS = 800
ASKED_SESSIONS = 40
STOCKS_MAX = 64
CUTS = 3
ASKED_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCheck:
    """What the check of an agent at its load found.

    Attributes
    ----------
    leak : str
        What it must not do; empty where nothing was found.
    comparisons : int
        How many answers were compared; 0 where it gave none.
    reason : str
        Why nothing could be compared.
    """

    leak: str = ""
    comparisons: int = 0
    reason: str = ""


def check_at_load(
    report: Callable[[float, str], None],
    plugin: Plugin,
    panel: BarPanel,
    trading: TradingSettings,
    seconds_max: float,
) -> LoadCheck:
    """Look for look-ahead at a few cuts; the process is ended after `seconds_max`, whatever the agent does."""
    report(0.0, f"checks {plugin.name} for look-ahead")
    if hasattr(signal, "setitimer"):  # not on Windows, where the check is not bounded
        signal.setitimer(signal.ITIMER_REAL, seconds_max)
    symbols = tuple(stock for stock in trading.stocks if stock in panel.column)
    first = max(0, len(panel.sessions) - 1 - ASKED_SESSIONS)
    rows = range(first, len(panel.sessions) - 1)
    found = examine(
        plugin, trading, panel, rows, _Here(), ASKED_SHARE * seconds_max, cuts_wanted=CUTS, symbols=symbols
    )
    if found.findings:
        return LoadCheck(leak=found.findings[0].text, comparisons=found.comparisons)
    if not np.isfinite(found.whole.scores[0]).any():
        return LoadCheck(reason="; ".join(found.whole.reasons) or "it gave no score")
    return LoadCheck(comparisons=found.comparisons)


def recent_bars(panel: BarPanel, trading: TradingSettings) -> BarPanel:
    """Return the last sessions of some of the stocks, and of what is no stock: what a check is made on."""
    stocks = set(trading.universe.stocks)
    some = {*trading.stocks[:STOCKS_MAX]}
    kept = [place for place, name in enumerate(panel.symbols) if name in some or name not in stocks]
    first = max(0, len(panel.sessions) - SESSIONS)
    return BarPanel(
        sessions=panel.sessions[first:].copy(),
        known_at=panel.known_at[first:].copy(),
        symbols=tuple(panel.symbols[place] for place in kept),
        member=panel.member[first:, kept].copy(),
        **{name: getattr(panel, name)[first:, kept].copy() for name in FIELDS},
    )


class _Here(Executor):
    """Runs each task at once: the process is the agent's own already."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a task."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
