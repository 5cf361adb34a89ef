"""A person's word before the first order with real money: asked for once a set-up, by a code in the log."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from core.errors import RequestError
from core.types import Cycle
from models.storage.atomic_file import replace_atomically

FILE = "live_confirmed.json"
CODE_BYTES = 4
HINT = "POST /live/confirm with the code that stands in the log (live.unconfirmed), or trading-engine live CODE."
log = structlog.get_logger("live")


class LiveConfirmation:
    """Whether entries may be sent to a live account; exits always may.

    A set-up is an account's key and a state folder: another key or another folder asks again.

    Parameters
    ----------
    code : callable
        Returns the code; a new one each process.
    """

    def __init__(
        self, state_dir: Path, key: str, code: Callable[[], str] = lambda: secrets.token_hex(CODE_BYTES)
    ) -> None:
        self._path = state_dir / FILE
        self._set_up = hashlib.sha256(key.encode()).hexdigest()
        self._lock = threading.Lock()
        self._code = code()
        self.confirmed = self._read()
        if not self.confirmed:
            log.warning("live.unconfirmed", code=self._code, reason="no entry is sent with real money before it")

    def admit(self, cycle: Cycle) -> Cycle:
        """Return the cycle as it may run: without entries until confirmed."""
        return cycle if self.confirmed else replace(cycle, entries=False)

    def confirm(self, code: str) -> None:
        """Take a person's word, for good.

        Raises
        ------
        RequestError
            409 when it is another code.
        """
        with self._lock:
            if self.confirmed:
                return
            if not secrets.compare_digest(code.strip().lower().encode(), self._code.encode()):
                raise RequestError("That is not the code of this start.", hint=HINT, status=409)
            word = {"set_up": self._set_up, "at": datetime.now(UTC).isoformat()}
            replace_atomically(self._path, json.dumps(word).encode())
            self.confirmed = True
            log.warning("live.confirmed", reason="entries are sent with real money from now on")

    def notes(self) -> tuple[str, ...]:
        """Return what is degraded, in words."""
        return () if self.confirmed else (f"live: nothing is bought before a person says so. {HINT}",)

    def _read(self) -> bool:
        try:
            return bool(json.loads(self._path.read_text("utf-8"))["set_up"] == self._set_up)
        except (OSError, ValueError, KeyError, TypeError):
            return False  # a file that cannot be read is asked for again
