"""An agent asked in a process of its own: what it answered, how long it took, and what it reached for."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.bounded_calls import BoundedCalls, CallFault
from agents.fitting import FitsInPlace
from agents.plugins import LoadedAgents, PluginParts, ask, load_agents
from config.trading import TradingSettings
from core.errors import PluginError
from core.plugins import Plugin
from core.types import BarPanel, Floats, MarketAnalysis, MarketView
from models.factors.store import FactorStore

WATCHED = (
    "open",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "sqlite3.connect",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
)
CODE = (".py", ".pyc", ".so", ".pyd", ".dylib", ".pth", ".zip")
METADATA = tuple(
    f".{kind}-info{os.sep}{name}"
    for kind in ("egg", "dist")
    for name in ("entry_points.txt", "METADATA", "PKG-INFO")
)
SYSTEM = ("/dev/", "/proc/", "/sys/", "/etc/", "/usr/", "/lib")
TOUCHED_MAX = 5
PACE_CALLS = 8
DAY_SECONDS = 86_400.0
CALL_SECONDS_MAX = 60.0  # not the step's: a first import on a busy machine is no leak


@dataclass(frozen=True, kw_only=True)
class Question:
    """Bars, and at which of their rows an agent is asked, in this order, by a fresh start of its code.

    Attributes
    ----------
    panel : bytes
        A pickled BarPanel: only the one in question is ever opened in the process.
    """

    panel: bytes
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a process asks.

    Attributes
    ----------
    later_days : int
        By how many days the process's clock is ahead.
    seconds_max : float
        When asking each row would take longer, every second, third ... row is asked.
    """

    plugin: Plugin
    trading: TradingSettings
    symbols: tuple[str, ...]
    questions: tuple[Question, ...]
    later_days: int = 0
    seconds_max: float = float("inf")


@dataclass(kw_only=True)
class Answers:
    """What came back, question by question.

    Attributes
    ----------
    rows : list of list of int
        Rows asked.
    scores : list of ndarray of float64, shape (rows, symbols)
        NaN where it abstained.
    seconds : list of float
        Of each call.
    reasons : list of str
        Why it abstained as a whole, without repetition.
    touched : list of str
        Files, addresses and programs it reached for.
    """

    rows: list[list[int]] = field(default_factory=list)
    scores: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)


def probe(task: Probe) -> Answers:
    """Ask an agent; meant for a process of its own."""
    out = Answers()
    with WATCH.noting(out.touched), _clock_ahead(task.later_days):
        for question in task.questions:
            panel: BarPanel = pickle.loads(question.panel)  # noqa: S301  # from our own parent
            _ask_rows(task, panel, question.rows, out)
    return out


def _ask_rows(task: Probe, panel: BarPanel, rows: Sequence[int], out: Answers) -> None:
    settings = task.trading.plugins
    parts = PluginParts(factors=FactorStore(task.trading.universe.sector_etf_of), trading=task.trading)
    calls: BoundedCalls[MarketAnalysis] = BoundedCalls(CALL_SECONDS_MAX, settings.memory_mb_max)
    with WATCH.on():
        loaded = load_agents([task.plugin], parts, settings)
    asked: list[int] = []
    scores = []
    fits, stride = FitsInPlace(), 1
    for place, row in enumerate(rows):
        if place == PACE_CALLS:
            per_call = float(np.median(out.seconds[-PACE_CALLS:]))  # the first brings imports with it
            stride = max(1, int(np.ceil(per_call * len(rows) / task.seconds_max)))
        if place % stride:
            continue
        asked.append(row)
        call = partial(_answer, loaded, panel, row, task, fits)
        with WATCH.on():
            started = time.perf_counter()
            answer = calls.run({"agent": call})["agent"]
            out.seconds.append(time.perf_counter() - started)
        scores.append(_scores(answer, task.symbols, out.reasons))
    out.rows.append(asked)
    out.scores.append(np.array(scores).reshape(len(asked), len(task.symbols)))


def _answer(loaded: LoadedAgents, panel: BarPanel, row: int, task: Probe, fits: FitsInPlace) -> MarketAnalysis:
    if not loaded.agents:
        raise PluginError(loaded.faults[0])
    (named,) = loaded.agents
    bars = panel.prefix(row + 1)
    fitted = fits.fitted(named, bars, task.trading.plugins)
    if isinstance(fitted, str):
        raise PluginError(fitted)
    view = MarketView(as_of=panel.closed_at[row], bars=bars, source="check")
    return ask(named.name, fitted.agent, view, task.symbols)


def _scores(answer: MarketAnalysis | CallFault, symbols: Sequence[str], reasons: list[str]) -> Floats:
    """Return an answer's scores by symbol, NaN where there is none."""
    scores = np.full(len(symbols), np.nan)
    if isinstance(answer, CallFault):
        _once(reasons, answer.reason)
        return scores
    place = {symbol: index for index, symbol in enumerate(symbols)}
    for signal in answer.signals:
        scores[place[signal.symbol]] = signal.score
    for abstention in answer.abstentions:
        if abstention.symbol == "*":
            _once(reasons, abstention.reason)
    return scores


def _once(texts: list[str], text: str) -> None:
    if text not in texts and len(texts) < TOUCHED_MAX:
        texts.append(text)


class Watch:
    """Hears of files, addresses and programs while the agent's code runs; an audit hook cannot be removed."""

    def __init__(self) -> None:
        self._touched: list[str] | None = None
        self._is_on = self._is_hooked = False
        self._own = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix)})

    @contextmanager
    def noting(self, touched: list[str]) -> Iterator[None]:
        """Note in this list within."""
        if not self._is_hooked:
            sys.addaudithook(self.hear)
            self._is_hooked = True
        self._touched = touched
        try:
            yield
        finally:
            self._touched = None

    @contextmanager
    def on(self) -> Iterator[None]:
        """Listen within."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what the agent reached for."""
        if not self._is_on or self._touched is None or event not in WATCHED:
            return
        if event in ("open", "sqlite3.connect"):
            path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
            if path and path != ":memory:" and not self._is_code(path):
                _once(self._touched, f"the file {path}")
        elif event.startswith("socket"):
            _once(
                self._touched, f"the address {arguments[0] if event == 'socket.getaddrinfo' else arguments[-1]}"
            )
        else:
            _once(self._touched, f"the program {arguments[0] if arguments else 'of its own: it forks'}")

    def _is_code(self, path: str) -> bool:
        if path.endswith(CODE) or "__pycache__" in path or path.startswith(SYSTEM) or path in sys.path:
            return True
        if path.endswith(METADATA):  # a library looks for plug-ins when it is first imported
            beside = Path(path).parent.parent
            return str(beside) in sys.path or not beside.name  # no name: the working folder
        self._is_on = False  # what is asked of the file system here is ours
        try:
            real = os.path.realpath(path)
            return real.startswith((*self._own, *SYSTEM)) or Path(real).is_dir()
        finally:
            self._is_on = True


WATCH = Watch()
"""The process's one audit hook."""


@contextmanager
def _clock_ahead(days: int) -> Iterator[None]:
    """Let Python's own clocks be ahead within, for code that is loaded within."""
    if not days:
        yield
        return
    names = ("time", "time_ns", "gmtime", "localtime", "ctime", "strftime", "clock_gettime")
    ahead, real = dt.timedelta(days=days), (dt.datetime, dt.date, *(getattr(time, name) for name in names))
    real_datetime, _, real_time, real_time_ns, gmtime, localtime, ctime, strftime, clock_gettime = real

    class Ahead(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + ahead

        @classmethod
        def today(cls) -> Any:
            return real_datetime.now() + ahead  # what it stands for

        @classmethod
        def utcnow(cls) -> Any:
            return real_datetime.now(dt.UTC).replace(tzinfo=None) + ahead

    class AheadDate(dt.date):
        @classmethod
        def today(cls) -> Any:
            return (real_datetime.now() + ahead).date()  # what it stands for

    dt.datetime, dt.date = Ahead, AheadDate  # type: ignore[misc]
    time.time = lambda: real_time() + days * DAY_SECONDS
    time.time_ns = lambda: real_time_ns() + int(days * DAY_SECONDS * 1e9)
    time.gmtime = lambda at=None: gmtime(time.time() if at is None else at)
    time.localtime = lambda at=None: localtime(time.time() if at is None else at)
    time.ctime = lambda at=None: ctime(time.time() if at is None else at)
    time.strftime = lambda form, at=None: strftime(form, time.localtime() if at is None else at)
    time.clock_gettime = lambda which: clock_gettime(which) + days * DAY_SECONDS
    try:
        yield
    finally:
        dt.datetime, dt.date = real[:2]  # type: ignore[misc]
        for name, function in zip(names, real[2:], strict=True):
            setattr(time, name, function)
