"""The wiring: the only package that names concrete classes."""

from pipeline.bootstrap.daemon import Daemon, build_service

__all__ = ["Daemon", "build_service"]
