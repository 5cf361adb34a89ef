"""Masking of secrets: texts in which no secret is left, however it was written or escaped."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[secret]"


class SecretMask:
    """Replaces each secret by `[secret]`: as it is, escaped, percent-encoded, in hexadecimal or base64.

    Escaped is as JSON, Python's `repr`, HTML or a URL would write it; base64 also as the part of a longer text
    (basic authentication), whose alignment is not known. One that is not ASCII is found in every encoding that
    a library may have read it by.

    Parameters
    ----------
    secrets : collection of str
        Empty and blank ones are left out.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        forms = {form for secret in secrets if secret.strip() for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)  # the longer first: one may hold another
        self._encoded = [form.encode("utf-8", "surrogateescape") for form in self._forms]

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def value(self, value: Any) -> Any:
        """Return plain data without the secrets, in keys too; the same object where it holds none."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            masked = {self.value(key): self.value(item) for key, item in value.items()}
            return value if masked == value else masked
        if isinstance(value, list | tuple):
            items = [self.value(item) for item in value]
            return value if items == list(value) else type(value)(items)
        return value

    def json(self, encoded: bytes) -> bytes:
        """Return encoded JSON without the secrets: it stays JSON, whatever the secret is."""
        if not self.occurs_in(encoded):
            return encoded
        try:
            return json.dumps(self.value(json.loads(encoded)), separators=(",", ":")).encode("ascii")
        except (ValueError, RecursionError):
            return self.text(encoded.decode("utf-8", "replace")).encode()

    def occurs_in(self, encoded: bytes) -> bool:
        """Return whether encoded text holds a secret."""
        return any(form in encoded for form in self._encoded)


NO_SECRETS = SecretMask()


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may be written."""
    for text in {secret, secret.strip(), *_misread(secret)}:
        yield text
        yield repr(text)[1:-1]
        yield ascii(text)[1:-1]
        yield html.escape(text)
        yield from (json.dumps(text, ensure_ascii=only)[1:-1] for only in (True, False))
        yield json.dumps(json.dumps(text)[1:-1])[1:-1]  # an answer's text quoted in an error
    for raw in _encodings(secret):
        yield repr(raw)[2:-1]
        yield raw.hex()
        for encode in (quote, quote_plus):
            yield encode(raw, safe="")
            yield encode(raw)
            yield encode(raw, safe="").lower() if "%" in encode(raw, safe="") else encode(raw)
        yield from _base64_forms(raw)


def _encodings(secret: str) -> Iterator[bytes]:
    yield secret.encode("utf-8", "surrogateescape")
    try:
        yield secret.encode("latin-1")
    except UnicodeEncodeError:
        return


def _misread(secret: str) -> Iterator[str]:
    """Yield the text as a reader of another encoding sees it: headers are Latin-1, bodies UTF-8."""
    raw = secret.encode("utf-8", "surrogateescape")
    for encoding in ("latin-1", "cp1252"):
        yield raw.decode(encoding, "replace")
    yield raw.decode("ascii", "backslashreplace")


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the characters of base64 that a secret alone decides, at each of the three alignments."""
    for before in range(3):
        bits_first, bits_end = 8 * before, 8 * (before + len(raw))
        first, end = -(-bits_first // 6), bits_end // 6
        text = base64.b64encode(bytes(before) + raw).decode()[first:end]
        if len(text) >= 8:  # a shorter one may be part of any word
            yield text
            yield text.translate(str.maketrans("+/", "-_"))
