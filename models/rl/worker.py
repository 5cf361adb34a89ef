"""A training process: reads tasks from its standard input, writes progress and results to its output.

It ends with whoever started it: when the input closes, for whatever reason, nothing of it stays.
"""

from __future__ import annotations

import os
import pickle  # our own parent's pipe: nobody else writes to it
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from core.errors import EngineError


def main() -> None:
    """Serve tasks until the input closes."""
    receiving, sending = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not garble the results
    tasks: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_read, args=(receiving, tasks), daemon=True).start()
    while True:
        _serve(tasks.get(), sending)


def _serve(task: Any, sending: BinaryIO) -> None:
    from models.rl.training import train_member  # noqa: PLC0415  # heavy: torch; tasks arrive meanwhile

    try:
        trained = train_member(task, lambda fraction: _tell(sending, ("progress", fraction)))
        _tell(sending, ("done", trained))
    except EngineError as error:
        _tell(sending, ("failed", str(error)))
    except Exception:  # noqa: BLE001  # the process's edge: the parent must learn why
        _tell(sending, ("failed", traceback.format_exc(limit=-5)))


def _read(receiving: BinaryIO, tasks: queue.Queue[Any]) -> None:
    try:
        while True:
            tasks.put(pickle.load(receiving))  # noqa: S301  # our own parent's pipe
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


def _tell(sending: BinaryIO, message: tuple[str, Any]) -> None:
    pickle.dump(message, sending)
    sending.flush()


if __name__ == "__main__":
    main()
