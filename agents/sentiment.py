"""The sentiment agent: what the news of the last days says of each stock, weighed by age and relevance."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.sentiment_relevance import relevance
from config.sentiment import SentimentSettings
from core.types import Abstention, Headline, MarketAnalysis, MarketView, Signal

QUOTED = 3
QUOTED_CHARACTERS = 90
NO_MODEL = "no sentiment model is in use"


class SentimentModel(Protocol):
    """The model in use: its name, and how far it may be believed."""

    model_id: str
    confidence_scale: float


class SentimentScores(Protocol):
    """Knows the tone of texts."""

    @property
    def model(self) -> SentimentModel | None:
        """The model in use."""
        ...

    def scores(self, texts: Iterable[str]) -> Mapping[str, float]:
        """Give each text's tone in [-1, 1]; one that is not known is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Story:
    """A headline as it bears on one symbol: its tone in [-1, 1] and its weight in [0, 1]."""

    text: str
    tone: float
    weight: float


@dataclass(frozen=True, slots=True)
class Mood:
    """What the stories of one symbol say together.

    Attributes
    ----------
    score : float
        In [-1, 1].
    confidence : float
        In [0, 1].
    """

    score: float
    confidence: float


class SentimentAgent:
    """Gives one signal to each stock with news in the window, and abstains for the others.

    Parameters
    ----------
    reason_without_model : callable-free str
        Why there is no model, for the abstention.
    """

    name = "sentiment"

    def __init__(
        self, scores: SentimentScores, settings: SentimentSettings, without_model: str = NO_MODEL
    ) -> None:
        self._scores = scores
        self._settings = settings
        self._without_model = without_model

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Weigh the view's headlines; nothing later than the view's moment counts."""
        model = self._scores.model
        if model is None:
            return MarketAnalysis(abstentions=(Abstention(agent=self.name, reason=self._without_model),))
        told = self._headlines(view)
        if not told:
            reason = f"no news in the last {self._settings.window_hours:.0f} hours"
            return MarketAnalysis(abstentions=(Abstention(agent=self.name, reason=reason),))
        scores = self._scores.scores(item.text for s in symbols for item in told.get(s, ()))
        signals, abstentions = [], []
        for symbol in symbols:
            stories = self._stories(symbol, told.get(symbol, ()), scores, view.as_of)
            if not stories:
                abstentions.append(Abstention(agent=self.name, symbol=symbol, reason="no news of it"))
                continue
            mood = weigh(stories, self._settings.prior_stories)
            signals.append(
                Signal(
                    agent=self.name,
                    symbol=symbol,
                    score=mood.score,
                    confidence=mood.confidence * model.confidence_scale,
                    reason=explain(stories, mood, model.model_id),
                    model_id=model.model_id,
                )
            )
        return MarketAnalysis(
            signals=tuple(signals), abstentions=tuple(abstentions), models={self.name: model.model_id}
        )

    def _headlines(self, view: MarketView) -> Mapping[str, list[Headline]]:
        """Give the headlines of the window by symbol, newest first, at most `stories_max` each."""
        told: dict[str, list[Headline]] = defaultdict(list)
        for item in sorted(view.headlines, key=lambda h: (h.published_at, h.text), reverse=True):
            age_hours = (view.as_of - item.published_at).total_seconds() / 3600
            if item.received_at <= view.as_of and 0 <= age_hours <= self._settings.window_hours:
                for symbol in dict.fromkeys(item.symbols):
                    if len(told[symbol]) < self._settings.stories_max:
                        told[symbol].append(item)
        return told

    def _stories(
        self, symbol: str, items: Iterable[Headline], scores: Mapping[str, float], as_of: datetime
    ) -> list[Story]:
        return [
            Story(text=item.text, tone=scores[item.text], weight=self._weight(symbol, item, as_of))
            for item in items
            if item.text in scores
        ]

    def _weight(self, symbol: str, item: Headline, as_of: datetime) -> float:
        age_hours = (as_of - item.published_at).total_seconds() / 3600
        decay: float = 2.0 ** (-age_hours / self._settings.half_life_hours)
        return decay * relevance(symbol, item)


def weigh(stories: Sequence[Story], prior_stories: float) -> Mood:
    """Weigh stories against `prior_stories` neutral ones, so that a single or an old story says little.

    With weights w and tones s, the score is sum(w s) / (sum(w) + prior). The confidence is
    sum(w) / (sum(w) + prior), which grows with the number of fresh stories, times their agreement
    |sum(w s)| / sum(w |s|), which is 1 when no story contradicts another.
    """
    total = math.fsum(story.weight for story in stories)
    if total <= 0:
        return Mood(score=0.0, confidence=0.0)
    said = math.fsum(story.weight * story.tone for story in stories)
    loudness = math.fsum(story.weight * abs(story.tone) for story in stories)
    agreement = min(1.0, abs(said) / loudness) if loudness > 0 else 1.0
    share = total / (total + prior_stories)
    return Mood(score=max(-1.0, min(1.0, said / (total + prior_stories))), confidence=share * agreement)


def explain(stories: Sequence[Story], mood: Mood, model_id: str) -> str:
    """Name the headlines that moved the score most, each with its tone."""
    moved = sorted(stories, key=lambda s: (-abs(s.weight * s.tone), s.text))[:QUOTED]
    quoted = "; ".join(f"“{_short(story.text)}” {story.tone:+.2f}" for story in moved)
    count = f"{len(stories)} stories" if len(stories) > 1 else "1 story"
    return f"{mood.score:+.2f} from {count} by {model_id}: {quoted}"


def _short(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[: QUOTED_CHARACTERS - 1]}…"
