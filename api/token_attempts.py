"""Wrong tokens: counted by the address that sent them, written in the log, and answered no more once too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import structlog

from api.refusal import Refusal

ADDRESSES_MAX = 1024
log = structlog.get_logger("security")


class TokenAttempts:
    """Counts wrong tokens in windows of time.

    The right token is taken from any address at any time: nobody can lock out the person who wants to halt.

    Parameters
    ----------
    attempts_max, window_seconds : int, float
        So many wrong tokens of one address in one window are answered 401, the others 429.
    seconds : callable
        A clock that only goes forward.
    """

    def __init__(self, attempts_max: int, window_seconds: float, seconds: Callable[[], float]) -> None:
        self._attempts_max = attempts_max
        self._window_seconds = window_seconds
        self._seconds = seconds
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def refusal(self, address: str, wrong: Refusal) -> Refusal:
        """Count a wrong token of an address; return how it is refused."""
        now = self._seconds()
        began, count = self._windows.pop(address, (now, 0))
        if now - began >= self._window_seconds:
            began, count = now, 0
        count += 1
        self._windows[address] = (began, count)
        if len(self._windows) > ADDRESSES_MAX:
            self._windows.popitem(last=False)
        if count <= self._attempts_max:
            log.warning("token.wrong", address=address, attempt=count, attempts_max=self._attempts_max)
            return wrong
        wait = max(1, round(began + self._window_seconds - now))
        if count == self._attempts_max + 1:
            log.error("token.too_many_wrong", address=address, not_logged_for_seconds=wait)
        return Refusal(
            429,
            "Too many wrong tokens came from this address.",
            "Wait as long as Retry-After says, or send the right one: it is always taken.",
            wait,
        )
