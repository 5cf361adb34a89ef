"""Masking of answers: no response body carries a secret, whichever part of the engine wrote it."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.masking import SecretMask

STATIC_FOLDERS = ("/dashboard/", "/docs")  # files of the package: nothing of a running engine is in them


class MaskMiddleware:
    """Masks the secrets in the body of every HTTP answer that is not a file of the package."""

    def __init__(self, app: ASGIApp, mask: SecretMask) -> None:
        self._app = app
        self._mask = mask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back without secrets."""
        if scope["type"] == "http" and not scope["path"].startswith(STATIC_FOLDERS):
            await self._app(scope, receive, _MaskedAnswer(send, self._mask).send)
        else:
            await self._app(scope, receive, send)


class _MaskedAnswer:
    """Holds an answer back until it is whole, then sends it without the secrets.

    JSON that comes in lines is passed on line by line: no secret holds a line break.
    """

    def __init__(self, send: Send, mask: SecretMask) -> None:
        self._send = send
        self._mask = mask
        self._start: Message | None = None
        self._started = False
        self._by_lines = False
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Take one ASGI message of the answer."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        content_type = Headers(scope=self._start).get("content-type", "")
        if not message.get("more_body", False):
            await self._send_on(message, content_type)
            self._start = None
        elif "json" in content_type and self._body.endswith(b"\n"):
            self._by_lines = True
            await self._send_on(message, content_type)

    async def _send_on(self, message: Message, content_type: str) -> None:
        assert self._start is not None  # noqa: S101  # the only caller has looked
        held, self._body = bytes(self._body), bytearray()
        body = self._masked(held, content_type)
        if not self._started:
            if len(body) != len(held) and not self._by_lines:
                MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            self._started = True
            await self._send(self._start)
        await self._send({**message, "body": body})

    def _masked(self, body: bytes, content_type: str) -> bytes:
        if not self._mask.occurs_in(body):
            return body
        if "json" in content_type:
            return self._mask.json(body)
        return self._mask.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
