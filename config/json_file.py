"""Settings files as an editor leaves them: JSON in UTF-8, bounded, each key once; anything else is named."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from config.bounded_file import read_bounded
from core.errors import SettingsError
from core.plain_words import json_fault, plain_reason

BYTES_MAX = 1_000_000
NESTING_MAX = 16
HINT = "Mend the file; until then it is not used."
# the longer mark first: that of UTF-32 begins with that of UTF-16
OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip


class _Members(list[tuple[str, Any]]):
    """An object's members as written: a key that is there twice is still there twice."""


def read_object(path: Path) -> dict[str, Any]:
    """Read a file's JSON object; a byte order mark of UTF-8 is left out.

    Raises
    ------
    FileNotFoundError
        When there is none.
    SettingsError
        When it is no regular file, larger than 1 MB, not UTF-8, not JSON, not an object, nested deeper than 16,
        or has a key twice.
    """
    text = _text(path, read_bounded(path, BYTES_MAX, partial(SettingsError, hint=HINT)))
    try:
        content = json.loads(text, object_pairs_hook=_Members, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise SettingsError(f"{path} is nested deeper than {NESTING_MAX}.", hint=HINT) from error
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not JSON: {json_fault(error)}.", hint=HINT) from error
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {plain_reason(error)}.", hint=HINT) from error
    if not isinstance(content, _Members):
        raise SettingsError(f"{path} holds a {type(content).__name__}, not an object of settings.", hint=HINT)
    plain: dict[str, Any] = _plain(content, (), path)
    return plain


def _text(path: Path, body: bytes) -> str:
    named = next((name for mark, name in OTHER_ENCODINGS if body.startswith(mark)), "")
    if not named and b"\0" in body[:4]:  # JSON begins with two characters of ASCII: without a mark too (RFC 4627)
        named = "UTF-16 or UTF-32"
    if named:
        raise SettingsError(f"{path} is {named}, not UTF-8.", hint="Save it as UTF-8; until then it is not used.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path} is not UTF-8: byte 0x{body[error.start]:02x} in line {line}.",
            hint="Save it as UTF-8; until then it is not used.",
        ) from error
    if not text.strip():
        raise SettingsError(f"{path} is empty.", hint="Write {} for no settings of your own, or delete it.")
    return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _plain(value: Any, keys: Sequence[str], path: Path) -> Any:
    """Turn members into objects, as deep as they may be nested."""
    if not isinstance(value, list):
        return value
    if len(keys) > NESTING_MAX:
        raise SettingsError(f"{path} is nested deeper than {NESTING_MAX}: {shown(keys)}.", hint=HINT)
    if not isinstance(value, _Members):
        return [_plain(one, (*keys, str(place)), path) for place, one in enumerate(value)]
    out: dict[str, Any] = {}
    for key, one in value:
        if key in out:
            raise written_twice(path, (*keys, key))
        out[key] = _plain(one, (*keys, key), path)
    return out


def written_twice(path: Path, keys: Sequence[str]) -> SettingsError:
    """Return the error for a key that a file has twice: which of the two is meant cannot be known."""
    return SettingsError(
        f"{path} has {shown(keys)} twice.", hint="Keep the one you mean; until then it is not used."
    )


def shown(keys: Sequence[str]) -> str:
    """Return a key's dotted path, cut to what a message can hold."""
    dotted = ".".join(keys)
    return dotted if len(dotted) <= 100 else f"{dotted[:100]}..."
