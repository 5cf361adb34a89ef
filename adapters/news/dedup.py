"""Deduplicate headlines: news from several publishers, or reworded a little, counts where it came first."""

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
class _Wording:
    at: datetime
    words: tuple[str, ...]
    sorted_text: str


class HeadlineDeduplicator:
    """Keeps, per symbol, the headlines of the last three days (at most 200), and drops those that repeat one.

    Whether an item is new depends on the items before it alone, so a longer history begins with exactly the
    shorter one's headlines. Give the items in the order they were received.
    """

    def __init__(self) -> None:
        self._recent: dict[str, deque[_Wording]] = defaultdict(lambda: deque(maxlen=COMPARED_MAX))

    def without_repeats(self, items: Iterable[Headline]) -> list[Headline]:
        """Keep of each item the symbols it is new for; an item without any is left out."""
        out = []
        for item in items:
            wording = _wording(item)
            fresh = tuple(symbol for symbol in item.symbols if not self._is_repeat(symbol, wording))
            for symbol in fresh:
                self._recent[symbol].append(wording)
            if fresh:
                out.append(item if fresh == item.symbols else replace(item, symbols=fresh))
        return out

    def _is_repeat(self, symbol: str, wording: _Wording) -> bool:
        from rapidfuzz import fuzz, process  # noqa: PLC0415  # imported at first use

        earlier = [past for past in self._recent[symbol] if wording.at - past.at <= SAME_STORY]
        near = process.extract(
            wording.sorted_text,
            [past.sorted_text for past in earlier],
            scorer=fuzz.ratio,
            score_cutoff=ALIKE_MIN,
            limit=5,
        )
        return any(is_same_story(wording.words, earlier[place].words) for _, _, place in near)


def is_same_story(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two headlines are of the same story: one's words are all in the other, but for small variations.

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


def _wording(item: Headline) -> _Wording:
    text = TRAILER.sub("", item.text).lower().replace("’", "'")
    words = tuple(WORD.findall(text)) or (text,)
    return _Wording(at=item.received_at, words=words, sorted_text=" ".join(sorted(words)))
