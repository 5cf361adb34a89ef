"""The road to agents that answer over HTTP: one POST a question, bounded in time and size."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import requests

from adapters.request_limits import WHOLE_TIMES, limited_session, whole_within
from config.plugins import RemoteAgentSettings
from core.errors import PluginError
from core.masking import SecretMask
from core.plain_words import plain_reason

ANSWER_BYTES_MAX = 1_000_000
CHUNK_BYTES = 65_536
QUERY_SECRET_CHARACTERS_MIN = 8  # shorter ones are words, such as a ticker


def post_to(settings: RemoteAgentSettings, body: bytes) -> bytes:
    """Post a question and return the answer's body, without the secret where it repeats it; follow no redirect.

    Raises
    ------
    core.errors.PluginError
        When nobody answers in time, or not with 200, or packed, or with more than a megabyte.
    """
    secret = settings.secret.get_secret_value() if settings.secret is not None else ""
    mask = SecretMask([secret, *secrets_of(settings.url)])
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    try:
        with limited_session(settings.timeout_seconds) as session:
            asked = partial(_answer, session, settings.url, body, headers)
            return mask.json(whole_within(WHOLE_TIMES * settings.timeout_seconds, asked))
    except requests.RequestException as error:
        raise PluginError(f"its server cannot be asked: {mask.text(plain_reason(error))}") from error


def _answer(session: requests.Session, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    with session.post(url, data=body, headers=headers, allow_redirects=False, stream=True) as answer:
        if answer.status_code != requests.codes.ok:
            raise PluginError(f"its server answered {answer.status_code}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise PluginError("its server packed the answer, which was not asked for")
        read = bytearray()
        for chunk in answer.iter_content(CHUNK_BYTES):
            read += chunk
            if len(read) > ANSWER_BYTES_MAX:
                raise PluginError(f"its server answered more than {ANSWER_BYTES_MAX} bytes")
        return bytes(read)


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what of an address may be secret: the password, and long values of its query."""
    parts = urlsplit(url)
    long = (value for _, value in parse_qsl(parts.query) if len(value) >= QUERY_SECRET_CHARACTERS_MIN)
    return (parts.password or "", *long)


def shown_address(url: str) -> str:
    """Return an address as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
