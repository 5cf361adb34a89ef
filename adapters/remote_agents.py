"""The road to agents that answer over HTTP: one POST a question, bounded in time and size."""

from __future__ import annotations

import requests

from config.plugins import RemoteAgentSettings
from core.errors import PluginError
from core.plain_words import plain_reason

ANSWER_BYTES_MAX = 1_000_000
CHUNK_BYTES = 65_536


def post_to(settings: RemoteAgentSettings, body: bytes) -> bytes:
    """Post a question and return the answer's body; no redirect is followed.

    Raises
    ------
    core.errors.PluginError
        When nobody answers in time, or not with 200, or with more than a megabyte.
    """
    headers = {"Content-Type": "application/json"}
    if settings.secret is not None:
        headers["Authorization"] = f"Bearer {settings.secret.get_secret_value()}"
    try:
        with requests.post(
            settings.url,
            data=body,
            headers=headers,
            timeout=settings.timeout_seconds,
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise PluginError(f"its server answered {answer.status_code}")
            read = bytearray()
            for chunk in answer.iter_content(CHUNK_BYTES):
                read += chunk
                if len(read) > ANSWER_BYTES_MAX:
                    raise PluginError(f"its server answered more than {ANSWER_BYTES_MAX} bytes")
            return bytes(read)
    except requests.RequestException as error:
        raise PluginError(f"its server cannot be asked: {plain_reason(error)}") from error
