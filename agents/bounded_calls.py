"""Calls into code that is not ours: each in a thread, with a deadline and a bound on what memory it takes.

What is promised: a call that raises, exits or does not return ends with a fault, and the caller goes on. Python
code that goes on is ended by an exception thrown into its thread. What is not: a single call into C that neither
returns nor lets go of Python's lock stops the process, and memory taken by one such call is seen only afterwards.
Who wants that much apart runs the agent as a server of its own (`agents/remote.py`).
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType, MappingProxyType
from typing import Generic, TypeVar

from core.errors import PluginError
from core.plain_words import plain_reason

Answer = TypeVar("Answer")
LOOK_SECONDS = 0.05
PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class CallEndedError(BaseException):
    """Thrown into a thread to end its call; no `except Exception` holds it up."""


@dataclass(frozen=True, slots=True)
class CallFault:
    """A call without an answer, and why, in words."""

    reason: str


@dataclass(eq=False)
class _Batch(Generic[Answer]):
    """Calls handed to a thread, and how far it is."""

    calls: Sequence[Callable[[], Answer]]
    answers: list[Answer | CallFault] = field(default_factory=list)
    call_began: float = 0.0
    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class BoundedCalls(Generic[Answer]):
    """Makes calls one after another in a thread of its own.

    Parameters
    ----------
    deadline_seconds : float
        For each call.
    memory_mb_max : float
        By how much a call may raise the most memory that the process ever held, MB.
    own_deadlines : mapping of str to float
        Seconds, by the name of a call that has another deadline.
    """

    def __init__(
        self,
        deadline_seconds: float,
        memory_mb_max: float,
        own_deadlines: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._own_deadlines = own_deadlines
        self._memory_mb_max = memory_mb_max
        self._worker: _Worker[Answer] | None = None
        self._stuck: dict[str, threading.Thread] = {}

    def run(self, calls: Mapping[str, Callable[[], Answer]]) -> Mapping[str, Answer | CallFault]:
        """Make the calls; each gives its answer or a fault, in the order of the calls.

        One whose earlier call has not ended yet is not called again.
        """
        out: dict[str, Answer | CallFault] = {}
        waiting = []
        for name in calls:
            if name in self._stuck and self._stuck[name].is_alive():
                out[name] = CallFault("an earlier call of it has still not returned")
            else:
                waiting.append(name)
        while waiting:
            answers = self._some(waiting, [calls[name] for name in waiting])
            out |= dict(zip(waiting, answers, strict=False))
            waiting = waiting[len(answers) :]
        return {name: out[name] for name in calls}

    def _some(self, names: Sequence[str], calls: Sequence[Callable[[], Answer]]) -> Sequence[Answer | CallFault]:
        """Make calls up to the first that has to be ended."""
        worker = self._worker = self._worker or self._begun()
        batch, peak_mb = _Batch(calls), peak_memory_mb()
        worker.take(batch)
        while not batch.done.acquire(timeout=LOOK_SECONDS):
            name = names[min(len(batch.answers), len(names) - 1)]
            fault = self._fault(batch, peak_mb, self._own_deadlines.get(name, self._deadline_seconds))
            if fault is not None:
                worker.end()
                self._worker, answers = None, batch.answers[:]
                if len(answers) == len(calls):  # it came about while we looked
                    break
                self._stuck[names[len(answers)]] = worker.thread
                return [*answers, fault]
        return batch.answers

    def _begun(self) -> _Worker[Answer]:
        worker: _Worker[Answer] = _Worker()
        weakref.finalize(self, worker.retire)
        return worker

    def _fault(self, batch: _Batch[Answer], peak_mb: float, deadline_seconds: float) -> CallFault | None:
        if batch.call_began and time.monotonic() - batch.call_began > deadline_seconds:
            return CallFault(f"it did not answer within {deadline_seconds:g} s")
        taken_mb = peak_memory_mb() - peak_mb
        if taken_mb > self._memory_mb_max:
            return CallFault(f"it took {taken_mb:.0f} MB of memory; at most {self._memory_mb_max:g} are allowed")
        return None


class _Worker(Generic[Answer]):
    """A thread that makes the calls of one batch after another."""

    def __init__(self) -> None:
        self._batches: SimpleQueue[_Batch[Answer] | None] = SimpleQueue()
        self._ended = False
        self.thread = threading.Thread(target=self._work, daemon=True, name="plug-ins")
        self.thread.start()

    def take(self, batch: _Batch[Answer]) -> None:
        """Begin with a batch."""
        self._batches.put(batch)

    def retire(self) -> None:
        """Leave after the batches at hand: nobody has more."""
        self._batches.put(None)

    def end(self) -> None:
        """Take no further batch, and throw an exception into the call that goes on.

        Not into an import: half a module would stay behind for everybody. It ends by itself.
        """
        self._ended = True
        if _is_importing(sys._current_frames().get(self.thread.ident or 0)):
            return
        thrown = ctypes.py_object(CallEndedError)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread.ident or 0), thrown)

    def _work(self) -> None:
        try:
            while not self._ended and (batch := self._batches.get()) is not None:
                for call in batch.calls:
                    batch.call_began = time.monotonic()
                    answer = _answer(call)
                    if self._ended:
                        return
                    batch.answers.append(answer)
                batch.done.release()
        except CallEndedError:
            return


def _answer(call: Callable[[], Answer]) -> Answer | CallFault:
    try:
        return call()
    except CallEndedError:
        raise
    except PluginError as error:  # it says in words what is the matter
        return CallFault(error.message)
    except BaseException as error:  # noqa: BLE001  # code that is not ours may raise anything, SystemExit too
        return CallFault(f"it raised {type(error).__name__}: {_reason(error)}")


def _reason(error: BaseException) -> str:
    try:
        return plain_reason(error) or "no reason given"
    except Exception:  # noqa: BLE001  # its text is made by code that is not ours either
        return "its reason cannot be read"


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def peak_memory_mb() -> float:
    """Return the most memory that this process ever held, MB; 0 where the system does not say."""
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT_BYTES / 1e6
