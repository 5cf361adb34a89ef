"""What every client of alpaca-py shares: its import without the noise, a limit on each request's time, faults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from core.errors import DataError
from core.plain_words import plain_reason, plain_text


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


def ask_data_api(ask: Callable[[], Any]) -> dict[str, Any]:
    """Ask a client of the data API; the one place where its exceptions become ours.

    Raises
    ------
    core.errors.DataError
        When Alpaca can't be reached, refuses, or answers with something that is no object.
    """
    from alpaca.common.exceptions import APIError  # noqa: PLC0415  # heavy: imported at first use

    try:
        answer = ask()
    except APIError as error:
        raise DataError(
            f"Alpaca refused ({error.status_code}): {plain_text(str(error))}.", hint=_hint(error.status_code)
        ) from error
    except requests.RequestException as error:
        raise DataError(f"Alpaca can't be reached: {plain_reason(error)}.", hint="Check the network.") from error
    except (ValueError, AttributeError, TypeError) as error:  # what the client's parsing raises on a strange body
        raise DataError(f"Alpaca's answer cannot be read: {plain_reason(error)}.") from error
    if not isinstance(answer, dict):
        raise DataError(f"Alpaca answered with {type(answer).__name__}, not with symbols.")
    return answer


def _hint(status: int | None) -> str:
    if status in (401, 403):
        return "Check ALPACA_API_KEY and ALPACA_SECRET_KEY, and what the account's data plan allows."
    return "It is asked again by itself." if status == 429 else ""


class _Limited(HTTPAdapter):
    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        # requests' own Session passes all of send's arguments by name
        return super().send(request, **{**kwargs, "timeout": self._timeout_seconds})
