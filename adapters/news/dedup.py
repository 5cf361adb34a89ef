"""Each story once: the same news from several publishers, or reworded a little, counts where it came first."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.types import Headline

SAME_STORY = timedelta(days=3)
COMPARED_MAX = 200
ALIKE_MIN = 70.0
WORD_ALIKE_MIN = 75.0
SHARED_MIN = 0.7
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*")
TRAILER = re.compile(r"\s+(?:[-|–—]\s+[\w.,'& ]{2,40}|\[[^\]]*\]|\(video\))$", re.IGNORECASE)
DENIALS = frozenset(("not", "no", "never", "denies", "denied", "without", "cannot", "isn't", "won't", "doesn't"))


@dataclass(frozen=True, slots=True)
class _Told:
    at: datetime
    words: tuple[str, ...]
    sorted_text: str


class Stories:
    """Remembers, per symbol, what was told in the last three days (at most 200 stories).

    Whether an item is new depends on the items before it alone, so a longer history begins with exactly the
    shorter one's stories. Give the items in the order they were received.
    """

    def __init__(self) -> None:
        self._told: dict[str, deque[_Told]] = defaultdict(lambda: deque(maxlen=COMPARED_MAX))

    def new(self, items: Iterable[Headline]) -> list[Headline]:
        """Keep of each item the symbols that had not heard the story; an item without any is left out."""
        out = []
        for item in items:
            told = _told(item)
            fresh = tuple(symbol for symbol in item.symbols if not self._heard(symbol, told))
            for symbol in fresh:
                self._told[symbol].append(told)
            if fresh:
                out.append(item if fresh == item.symbols else replace(item, symbols=fresh))
        return out

    def _heard(self, symbol: str, told: _Told) -> bool:
        from rapidfuzz import fuzz, process  # noqa: PLC0415  # imported at first use

        earlier = [past for past in self._told[symbol] if told.at - past.at <= SAME_STORY]
        near = process.extract(
            told.sorted_text,
            [past.sorted_text for past in earlier],
            scorer=fuzz.ratio,
            score_cutoff=ALIKE_MIN,
            limit=5,
        )
        return any(is_same_story(told.words, earlier[place].words) for _, _, place in near)


def is_same_story(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Tell whether two headlines tell the same: one's words are all in the other, but for small variations.

    Words are matched exactly, then by likeness (raises, raised); figures only exactly. At least 70 % of the
    longer one must be shared, and a denial in only one of them makes two stories.
    """
    left, right = list(one), list(other)
    for word in one:
        if word in right:
            left.remove(word)
            right.remove(word)
    for word in list(left):
        twin = next((w for w in right if _is_variant(word, w)), None)
        if twin is not None:
            left.remove(word)
            right.remove(twin)
    shared = max(len(one) - len(left), len(other) - len(right))
    complete = not left or not right
    return (
        complete
        and shared >= SHARED_MIN * max(len(one), len(other), 1)
        and not DENIALS.intersection(left + right)
    )


def _is_variant(word: str, other: str) -> bool:
    from rapidfuzz import fuzz  # noqa: PLC0415  # imported at first use

    if word[0].isdigit() or other[0].isdigit() or DENIALS.intersection((word, other)):
        return False
    return word[:3] == other[:3] and fuzz.ratio(word, other) >= WORD_ALIKE_MIN


def _told(item: Headline) -> _Told:
    text = TRAILER.sub("", item.text).lower().replace("’", "'")
    words = tuple(WORD.findall(text)) or (text,)
    return _Told(at=item.received_at, words=words, sorted_text=" ".join(sorted(words)))
