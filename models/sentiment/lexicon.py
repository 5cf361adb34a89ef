"""Sentiment without a network: Loughran-McDonald words, direction of quantities, compared figures, negation.

The rules, each a sentence:

1. A word of the lists counts half for or against; an event that is news by itself (beats, downgrades) counts 1.
2. A rise or a fall counts by what moves: sales up is good, losses up are bad (Malo et al. 2014, "Good debt or
   bad debt", JASIST 65(4)). What moves is the nearest quantity within six words before, then four after, up to
   a comma; its own valence does not count again.
3. Compared figures ("5.1, compared to 3.4") are a rise or a fall where no word says so; from a loss to a profit
   is good, from a profit to a loss bad, and the loss does not count again.
4. A negation within the three words before turns what follows around, at half the strength.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from core.types import Floats
from models.sentiment.lexicon_words import (
    BAD_IF_UP,
    COMPARISONS,
    EVENTS,
    FALLS,
    GOOD_IF_UP,
    LOSSES,
    NEGATIONS,
    PROFITS,
    RISES,
    THOUSANDS,
    loughran_mcdonald,
)

MODEL_ID = "lexicon"
BROKEN_FIGURE = re.compile(r"(?<=\d)\s+(?=[.,]\d)")
ASIDE = re.compile(r"\([^)]*\)")
TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+(?:['-][a-z]+)*|[,;:%]")
YEAR = re.compile(r"(?:19|20)\d\d")
CLAUSE_ENDS = frozenset(",;:")
LISTED = 0.5
NEGATION_REACH, NEGATION_TURN = 3, -0.5
BEFORE, AFTER = 6, 4
LEFT, RIGHT = 25, 16
SCALE = 1.5


class Lexicon:
    """Scores texts by the rules; always the same score for the same text.

    Parameters
    ----------
    confidence_scale : float
        How far it may be believed beside FinBERT, in [0, 1].
    """

    model_id = MODEL_ID
    at_once_max = 10_000

    def __init__(self, confidence_scale: float = 0.5) -> None:
        self.confidence_scale = confidence_scale
        self._valence = {word: LISTED * value for word, value in loughran_mcdonald().items()} | EVENTS

    def scores(self, texts: Sequence[str]) -> Floats:
        """Score texts, each in [-1, 1]."""
        return np.array([self.score(text) for text in texts], dtype=np.float64)

    def score(self, text: str) -> float:
        """Return the score of a text in [-1, 1]; 0 when no rule applies."""
        words = TOKEN.findall(ASIDE.sub(" ", BROKEN_FIGURE.sub("", text.lower().replace("’", "'"))))
        turns, spent = _turns(words)
        compared, settled = _comparisons(words, has_direction=bool(turns))
        uncounted = spent | settled
        listed = sum(
            _negated(words, at, self._valence[word])
            for at, word in enumerate(words)
            if at not in uncounted and word in self._valence
        )
        return math.tanh((sum(v for at, v in turns.items() if at not in settled) + compared + listed) / SCALE)


def _turns(words: Sequence[str]) -> tuple[dict[int, float], set[int]]:
    """Give the value of each rise and fall by its place, and the places that need not count again."""
    turns: dict[int, float] = {}
    spent: set[int] = set()
    for at, word in enumerate(words):
        way = (word in RISES) - (word in FALLS)
        if not way:
            continue
        spent.add(at)
        place = _quantity(words, at)
        if word in ("up", "down") and not _is_figured(words, at, place):
            continue
        if place is not None:
            spent.add(place)
        bad = place is not None and words[place] in BAD_IF_UP
        turns[at] = _negated(words, at, -way if bad else way)
    return turns, spent


def _quantity(words: Sequence[str], at: int) -> int | None:
    before = range(at - 1, max(-1, at - 1 - BEFORE), -1)
    after = range(at + 1, min(len(words), at + 1 + AFTER))
    for places in (before, after):
        for place in places:
            if words[place] in CLAUSE_ENDS:
                break
            if words[place] in GOOD_IF_UP or words[place] in BAD_IF_UP:
                return place
    return None


def _is_figured(words: Sequence[str], at: int, quantity: int | None) -> bool:
    """Distinguish "up 3 %" and "sales are down" from "up to 3" and "set up"."""
    following = words[at + 1] if at + 1 < len(words) else ""
    if following == "to":
        return False
    return quantity is not None or following in COMPARISONS or following[:1].isdigit()


def _comparisons(words: Sequence[str], *, has_direction: bool) -> tuple[float, set[int]]:
    """Give the value of compared figures, and the places (losses, and what they turned) that they settle."""
    for at, word in enumerate(words):
        if word in COMPARISONS:
            left, right = range(max(0, at - LEFT), at), range(at + 1, min(len(words), at + 1 + RIGHT))
            lost, had_lost = _any(words, left, LOSSES), _any(words, right, LOSSES)
            settled = {place for place in (*left, *right) if words[place] in LOSSES}
            if had_lost and not lost and _any(words, left, PROFITS):
                return 1.0, settled | _directions(words, left)
            if lost and not had_lost and _any(words, right, PROFITS):
                return -1.0, settled | _directions(words, left)
            if not has_direction:
                change = _change(words, left, right)
                if change:
                    bad = lost or _any(words, left, BAD_IF_UP)
                    return -change if bad else change, settled
    return 0.0, set()


def _any(words: Sequence[str], places: range, wanted: frozenset[str]) -> bool:
    return any(words[place] in wanted for place in places)


def _directions(words: Sequence[str], places: range) -> set[int]:
    return {place for place in places if words[place] in RISES or words[place] in FALLS}


def _change(words: Sequence[str], left: range, right: range) -> float:
    now = next((f for place in reversed(left) if (f := _figure(words, place)) is not None), None)
    base = next((f for place in right if (f := _figure(words, place)) is not None), None)
    if now is None or base is None:
        return 0.0
    return float((now > base) - (now < base))


def _figure(words: Sequence[str], place: int) -> float | None:
    word = words[place]
    if not word[0].isdigit() or YEAR.fullmatch(word):
        return None
    unit = THOUSANDS.get(words[place + 1], 1.0) if place + 1 < len(words) else 1.0
    return float(re.sub(r",(?=\d{3}\b)", "", word).replace(",", ".").replace(".", "", word.count(".") - 1)) * unit


def _negated(words: Sequence[str], at: int, value: float) -> float:
    reach = words[max(0, at - NEGATION_REACH) : at]
    return value * NEGATION_TURN if any(word in NEGATIONS for word in reach) else value
