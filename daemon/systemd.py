"""Signs of life for systemd: READY=1 once the port is open, WATCHDOG=1 while the engine is not stuck.

The protocol is one datagram a message to the socket that NOTIFY_SOCKET names (man sd_notify); with none of it in
the environment nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

STUCK_SECONDS = 1800.0
"""Work that has run for longer on the engine's thread will not end: a first decision may wait for a training."""
log = structlog.get_logger("systemd")


class SystemdNotifier:
    """Tells systemd that the daemon is ready, lives, and stops.

    Parameters
    ----------
    address : str
        NOTIFY_SOCKET: a path, or an abstract name that begins with `@`; empty sends nothing.
    watchdog_seconds : float
        WATCHDOG_USEC: systemd restarts a service that is silent for so long; 0 asks for no pings.
    """

    def __init__(self, address: str, watchdog_seconds: float) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = watchdog_seconds

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> SystemdNotifier:
        """Read what systemd set for this process, and for no other (WATCHDOG_PID)."""
        meant_for_us = variables.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        microseconds = variables.get("WATCHDOG_USEC", "")
        watched = meant_for_us and microseconds.isascii() and microseconds.isdigit()
        return cls(variables.get("NOTIFY_SOCKET", ""), int(microseconds) / 1e6 if watched else 0.0)

    def send(self, message: str) -> None:
        """Send a message; who does not listen costs nothing."""
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto(message.encode(), self._address)

    async def keep_alive(self, busy_seconds: Callable[[], float]) -> None:
        """Say READY=1, then WATCHDOG=1 twice in each span that systemd waits, unless the engine is stuck.

        It runs on the event loop, so a loop that stands still falls silent as well.

        Parameters
        ----------
        busy_seconds : callable
            How long the engine's thread has worked on what it works on; 0 when it waits.
        """
        self.send("READY=1")
        while self._watchdog_seconds:
            if busy_seconds() < STUCK_SECONDS:
                self.send("WATCHDOG=1")
            else:
                log.error("systemd.no_ping", reason="the engine's thread is stuck", busy_seconds=busy_seconds())
            await asyncio.sleep(self._watchdog_seconds / 2)
