"""What every client of alpaca-py shares: its import without the noise, a limit on each request's time, faults."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from adapters.request_limits import limit_session, one_listing
from core.errors import DataError
from core.plain_words import plain_reason, plain_text

HANDSHAKE_SECONDS_MAX = 30.0
LISTING_SECONDS_MAX = 1_800.0
"""Of ten years of bars of thousands of names, at the pace that Alpaca allows, and as much again."""


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep one warning of alpaca-py's import out: it imports the old half of websockets, which says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
        yield


def limit_time(client: Any, timeout_seconds: float) -> None:
    """Give up each request of a client after a time; alpaca-py offers no limit of its own."""
    limit_session(client._session, timeout_seconds)


def limit_handshake(stream: Any) -> None:
    """Begin a stream's connection anew where the other side takes it and answers nothing: alpaca-py waits."""
    begin = stream._start_ws

    async def begin_in_time() -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
            await begin()

    stream._start_ws = begin_in_time


def ask_data_api(ask: Callable[[], Any]) -> dict[str, Any]:
    """Ask a client of the data API; the one place where its exceptions become ours.

    Raises
    ------
    core.errors.DataError
        When Alpaca can't be reached, refuses, or answers with something that is no object.
    """
    from alpaca.common.exceptions import APIError  # noqa: PLC0415  # heavy: imported at first use

    try:
        with one_listing(LISTING_SECONDS_MAX):
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
