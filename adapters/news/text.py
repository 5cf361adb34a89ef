"""What a headline may be: one clean line of bounded length, or nothing."""

from __future__ import annotations

import html
import re
import unicodedata

CHARACTERS_MAX = 400
RAW_CHARACTERS_MAX = 20_000
LATIN_SHARE_MIN = 0.5
TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL)
SPACES = re.compile(r"\s+")


def clean(raw: object) -> str:
    """Turn a vendor's title into one line of plain text; empty when nothing of it can be scored.

    Tags are cut and entities resolved, control, private and format characters and emoji become spaces, spaces
    are joined, and what is longer than 400 characters is cut at a word. A text most of whose letters are not
    Latin is given up, since neither model reads it; other languages in Latin letters pass.

    Parameters
    ----------
    raw : object
        Anything a vendor sends; what is no text is empty.
    """
    if not isinstance(raw, str):
        return ""
    plain = TAG.sub(" ", html.unescape(TAG.sub(" ", raw[:RAW_CHARACTERS_MAX])))
    plain = "".join(" " if _is_noise(char) else char for char in unicodedata.normalize("NFKC", plain))
    line = SPACES.sub(" ", plain).strip()
    return _cut(line) if _is_readable(line) else ""


def _is_noise(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] == "C" or kind in ("So", "Sk", "Zl", "Zp", "Mn", "Me")


def _is_readable(line: str) -> bool:
    letters = [char for char in line if char.isalpha()]
    latin = sum(char.isascii() or unicodedata.name(char, "").startswith("LATIN") for char in letters)
    return bool(letters) and latin >= LATIN_SHARE_MIN * len(letters)


def _cut(line: str) -> str:
    if len(line) <= CHARACTERS_MAX:
        return line
    head = line[:CHARACTERS_MAX]
    return head.rsplit(" ", 1)[0] if " " in head[CHARACTERS_MAX // 2 :] else head
