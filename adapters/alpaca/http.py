"""What every client of alpaca-py shares: its import without the noise, and a limit on every request's time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep one warning of alpaca-py's import out: it imports the old half of websockets, which says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
        yield


def limit_time(client: Any, timeout_seconds: float) -> None:
    """Give up each request of a client after a time; alpaca-py offers no limit of its own."""
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, _Limited(timeout_seconds))


class _Limited(HTTPAdapter):
    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        # requests' own Session passes all of send's arguments by name
        return super().send(request, **{**kwargs, "timeout": self._timeout_seconds})
