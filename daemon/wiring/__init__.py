"""The wiring: the only package that names concrete classes."""

from daemon.wiring.wiring import Daemon, build_daemon

__all__ = ["Daemon", "build_daemon"]
