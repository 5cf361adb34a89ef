"""Calls to the running daemon: where it listens, its token, and what its refusals say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from core.errors import EngineError, SettingsError
from core.plain_words import plain_reason

CONNECT_SECONDS_MAX = 5.0
READ_SECONDS_MAX = 900.0  # a first decision waits for its ranker's training
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where to call what listens on all of them
PORT_DEFAULT, PORT_MAX = 8787, 65535


class NoDaemonError(EngineError):
    """No daemon answers: start one."""


class ProblemError(EngineError):
    """The daemon refused a call, and said why.

    Parameters
    ----------
    problem : mapping
        The answer's body, `application/problem+json`.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail", "")), hint=str(problem.get("hint", "")))
        self.problem = problem


class EngineClient:
    """The daemon's HTTP interface.

    Parameters
    ----------
    url : str
        Such as `http://127.0.0.1:8787`.
    token : str or None
        Sent as a bearer token.
    read_seconds_max : float
        How long an answer may take.
    """

    def __init__(self, url: str, token: str | None = None, read_seconds_max: float = READ_SECONDS_MAX) -> None:
        self.url = url
        # trust_env=False: a proxy of the environment is not asked for an address of this machine
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(read_seconds_max, connect=CONNECT_SECONDS_MAX),
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET; a query value of None is left out.

        Raises
        ------
        NoDaemonError, ProblemError
            When nothing answers, or the daemon refused.
        """
        return self._call("GET", path, query, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """Return the JSON of a POST; a body's field or a query value of None is left out.

        Raises
        ------
        NoDaemonError, ProblemError
            When nothing answers, or the daemon refused.
        """
        return self._call("POST", path, query, body)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _call(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None) -> Any:
        given = {name: value for name, value in (body or {}).items() if value is not None}
        try:
            answer = self._http.request(
                method, path, params=_query(query), json=given if body is not None else None
            )
        except httpx.ReadTimeout as error:
            raise ProblemError(
                {
                    "detail": f"{self.url}{path} was not answered in time.",
                    "hint": "What was asked may still be done: see trading-engine status before asking again.",
                }
            ) from error
        except httpx.TransportError as error:
            raise NoDaemonError(
                f"No daemon answers at {self.url} ({plain_reason(error)}).",
                hint="Start one with: trading-engine run. Another port or host: TRADING_PORT, TRADING_HOST.",
            ) from error
        return _content(answer)


def _query(query: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _content(answer: httpx.Response) -> Any:
    try:
        content = answer.json()
    except ValueError:
        content = {"detail": f"{answer.url} answered {answer.status_code} and no JSON: no daemon of ours."}
    if answer.is_success and "json" in answer.headers.get("Content-Type", ""):
        return content
    raise ProblemError(content if isinstance(content, dict) else {"detail": f"status {answer.status_code}"})


def daemon_url(variables: Mapping[str, str]) -> str:
    """Return where the daemon of these variables and of the settings listens.

    Raises
    ------
    core.errors.SettingsError
        When a variable holds no host or port.
    """
    host = variables.get("TRADING_HOST", "").strip() or "127.0.0.1"
    host = ANY_ADDRESS.get(host, host)
    port = variables.get("TRADING_PORT", "").strip() or str(_port_of_settings())
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise SettingsError(
            f"TRADING_PORT: {port!r:.40} is no port.", hint=f"A whole number from 1 to {PORT_MAX}."
        )
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SettingsError(f"TRADING_HOST: {host!r:.80} is no host.", hint="Such as 127.0.0.1.") from error
    return url


def _token(variables: Mapping[str, str]) -> str | None:
    token = variables.get("TRADING_API_TOKEN", "").strip()
    if not (token.isascii() and token.isprintable()):  # never shown: it would stand in a terminal's history
        raise SettingsError(
            "TRADING_API_TOKEN holds a character that cannot be sent, such as an accent or a line break.",
            hint="Set it to the daemon's own; make one with letters, digits, - and _.",
        )
    return token or None


def _port_of_settings() -> int:
    """Return `server.port`; its default when the settings cannot be read, since /halt must still get through."""
    from config.loader import load_trading  # noqa: PLC0415  # numpy comes with the settings: half of a command's start

    try:
        return load_trading().server.port
    except SettingsError:
        return PORT_DEFAULT


@contextmanager
def connected(read_seconds_max: float = READ_SECONDS_MAX) -> Iterator[EngineClient]:
    """Give a client of the daemon that the environment names, and close it."""
    client = EngineClient(daemon_url(os.environ), _token(os.environ), read_seconds_max)
    try:
        yield client
    finally:
        client.close()
