"""Plain words for what went wrong: no library's object names, no HTML, no parser's positions."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from html import unescape

from core.errors import EngineError

LENGTH_MAX = 300
CHAIN_MAX = 20
NO_JSON = "it is no JSON"
WEB_PAGE = "the answer is a web page"

_BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (
    (json.JSONDecodeError, NO_JSON),
    (UnicodeDecodeError, "the text is not UTF-8"),
    (socket.gaierror, "the name of the server is not found"),
    (ssl.SSLCertVerificationError, "the server's certificate cannot be verified"),
    (ssl.SSLError, "no encrypted connection could be made"),
    (ConnectionRefusedError, "the connection is refused"),
    (ConnectionResetError, "the connection was cut"),
    (BrokenPipeError, "the connection was cut"),
    (TimeoutError, "no answer in time"),
    (FileNotFoundError, "there is no such file"),
    (PermissionError, "permission is denied"),
)
_BY_PHRASE: tuple[tuple[str, str], ...] = (
    (r"too many requests|rate.?limit", "it has been asked too often and wants a pause"),
    (r"name or service not known|name resolution|nodename nor servname|getaddrinfo|NameResolutionError"
     r"|could ?n[o']t resolve (?:host|proxy)|\bDNSError",
     "the name of the server is not found"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", "the server's certificate cannot be verified"),
    (r"\bSSL", "no encrypted connection could be made"),
    (r"connection refused|ECONNREFUSED|could ?n[o']t connect|failed to connect", "the connection is refused"),
    (r"RemoteDisconnected|connection (?:was )?(?:reset|aborted|broken)|broken pipe|IncompleteRead"
     r"|recv failure|send failure|empty reply from server|end of response with|transfer closed",
     "the connection was cut"),
    (r"network is (?:unreachable|down)|no route to host", "the network is unreachable"),
    (r"ProxyError|cannot connect to proxy", "the proxy does not answer"),
    (r"BadStatusLine|HTTP/0\.9", "the answer is not HTTP"),
    (r"timed? ?out", "no answer in time"),
    (r"max retries exceeded|Connection ?Pool", "the server cannot be reached"),
    (r"^Expecting |Expecting (?:value|property name|',' delimiter|':' delimiter)|^Extra data|JSON is malformed"
     r"|^Invalid control character|^Unterminated string|^Invalid \\|Input data was truncated", NO_JSON),
)  # fmt: skip
_JSON_FAULTS = (
    ("Expecting ',' delimiter", "a comma or a closing bracket is missing"),
    ("Expecting ':' delimiter", "a colon is missing after the key"),
    ("Expecting property name", "a key in double quotes is missing, or there is a comma too many"),
    ("Illegal trailing comma", "there is a comma too many"),
    ("Expecting value", "a value is missing or is not written as JSON has it"),
    ("Extra data", "something follows after its end"),
    ("Unterminated string", "a closing quote is missing"),
    ("Invalid control character", "a line break or another control character stands inside quotes"),
    ("Invalid \\", "a backslash stands before what needs none"),
)
_LIBRARY_NOISE = re.compile(r"HTTPS?ConnectionPool\(.*|<[\w.]+ object at 0x[0-9a-f]+>[: ]*|\(Caused by .*", re.S)
_CURL = re.compile(r"Failed to perform, curl: \(\d+\) |\.? ?See https://curl\.se\S* first for more details\.?")
_PAGE = re.compile(r"<!doctype html|<html|<head|<body", re.I)
_HIDDEN = re.compile(r"<(script|style|title|head)\b.*?</\1>", re.I | re.S)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)


def plain_reason(error: BaseException) -> str:
    """Return why something failed, in plain words and without a full stop at the end.

    The causes of an exception are looked at from the innermost: it knows best. Our own errors already speak in
    plain words.
    """
    if isinstance(error, EngineError):
        return str(error).rstrip(".")
    for cause in reversed(list(_chain(error))):
        for kind, words in _BY_TYPE:
            if isinstance(cause, kind):
                return words
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]} is missing"
    for cause in reversed(list(_chain(error))):
        words = _phrase(f"{type(cause).__name__}: {cause}") or _phrase(str(cause))
        if words:
            return words
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return plain_text(text).rstrip(". ") or type(error).__name__


def plain_message(text: str) -> str:
    """Return what a library wrote to its log in plain words: the known cause alone, or the text cleaned."""
    return _phrase(text) or plain_text(text).rstrip(". ")


def json_fault(error: json.JSONDecodeError) -> str:
    """Return where a person's own JSON is wrong, and what is wrong there, in plain words."""
    what = next(
        (words for begins, words in _JSON_FAULTS if error.msg.startswith(begins)), "it cannot be read there"
    )
    return f"line {error.lineno}, column {error.colno}: {what}"


def plain_text(text: str) -> str:
    """Return a text without HTML, libraries' object names and line breaks, and not longer than a person reads."""
    text = (_PAGE.search(text) and _page(text)) or text
    noisy = _LIBRARY_NOISE.search(text)
    if noisy:
        text = text[: noisy.start()] + (_phrase(noisy.group()) or "") + text[noisy.end() :]
    text = " ".join(unescape(_TAG.sub(" ", _CURL.sub("", text))).split())
    return text if len(text) <= LENGTH_MAX else text[: LENGTH_MAX - 1].rstrip() + "…"


def _page(text: str) -> str:
    """Keep what stands before a web page, and the page's title."""
    begins = _PAGE.search(text)
    before = text[: begins.start()].rstrip(" :") if begins else ""
    title = _TITLE.search(text)
    name = f" ({' '.join(title.group(1).split())})" if title and title.group(1).strip() else ""
    return f"{before}{': ' if before else ''}{WEB_PAGE}{name}"


def _phrase(text: str) -> str:
    return next((words for pattern, words in _BY_PHRASE if re.search(pattern, text, re.I | re.M)), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what it carries in its arguments and reason, and what caused it."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < CHAIN_MAX:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [found for found in inner if isinstance(found, BaseException)]
