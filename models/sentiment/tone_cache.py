"""The cache of sentiment scores: each text's, by the model in use, scored ahead of the decisions on a thread.

A decision never waits for the model beyond the model's `at_once_max` texts (8 of FinBERT's): the feed shows
it only headlines whose score is known (`scored`), so that what it says follows from its view alone. onnxruntime
lets go of Python's lock while it computes, and the thread pauses between small batches: the event loop and the
engine go on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from core.errors import ArtefactError
from core.plain_words import plain_reason
from core.types import Floats, Headline

REMEMBERED_MAX = 50_000
WAITING_MAX = 10_000
TEXTS_A_BATCH = 32
log = structlog.get_logger("sentiment")


class SentimentModel(Protocol):
    """Scores texts.

    Attributes
    ----------
    confidence_scale : float
        How far it may be believed, in [0, 1].
    at_once_max : int
        How many unknown texts a decision may wait for; the rest is left to the thread.
    """

    model_id: str
    confidence_scale: float
    at_once_max: int

    def scores(self, texts: Sequence[str]) -> Floats:
        """Score texts, each in [-1, 1]."""
        ...


class SentimentScoreStore(Protocol):
    """Keeps scores by model and text; the first one written stays."""

    def get(self, model_id: str, texts: Sequence[str]) -> Mapping[str, float]:
        """Return the scores that are known."""
        ...

    def put(self, model_id: str, scores: Mapping[str, float]) -> None:
        """Keep scores."""
        ...


class SentimentCache:
    """Keeps the scores of the model in use.

    Parameters
    ----------
    model : SentimentModel or None
        The one to begin with; None for none yet.

    Attributes
    ----------
    fault : str
        Why the model in use failed; empty when it did not.
    """

    def __init__(self, model: SentimentModel | None, store: SentimentScoreStore) -> None:
        self._model = model
        self._store = store
        self._known: OrderedDict[str, float] = OrderedDict()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._work = threading.Condition()
        self._stopping = False
        self.fault = ""
        self.dropped_count = 0

    @property
    def model(self) -> SentimentModel | None:
        """The model in use."""
        return self._model

    @property
    def waiting_count(self) -> int:
        """How many texts wait for the thread."""
        return len(self._waiting)

    def use(self, model: SentimentModel) -> None:
        """Put another model in use; scores of the old one are not mixed in."""
        with self._lock:
            self._model = model
            self._known.clear()

    def known(self, texts: Iterable[str]) -> Mapping[str, float]:
        """Return the scores known of the model in use, from memory or the store."""
        model = self._model
        wanted = dict.fromkeys(texts)
        if model is None:
            return {}
        found = {text: score for text in wanted if (score := self._known.get(text)) is not None}
        missing = [text for text in wanted if text not in found]
        if missing:
            stored = self._store.get(model.model_id, missing)
            self._remember(model, stored)
            found.update(stored)
        return found

    def scores(self, texts: Iterable[str]) -> Mapping[str, float]:
        """Return the scores of a decision's texts; of the unknown ones at most `at_once_max` are scored here."""
        wanted = list(dict.fromkeys(texts))
        found = dict(self.known(wanted))
        missing = [text for text in wanted if text not in found]
        if missing and self._model is not None:
            found.update(self._score(missing[-self._model.at_once_max :]))
        return found

    def scored(self, headlines: Sequence[Headline]) -> tuple[Headline, ...]:
        """Keep the headlines whose score is known or at once to be had, and let the thread score the others."""
        known = self.scores(item.text for item in headlines)
        self.score_ahead([item.text for item in headlines if item.text not in known])
        return tuple(item for item in headlines if item.text in known)

    def score_ahead(self, texts: Iterable[str]) -> None:
        """Leave texts to the thread; when more than 10,000 wait the oldest are dropped, and counted."""
        with self._work:
            self._waiting.update(dict.fromkeys(texts))
            while len(self._waiting) > WAITING_MAX:
                self._waiting.popitem(last=False)
                self.dropped_count += 1
            self._work.notify()

    def run(self, prepare: Callable[[], SentimentModel | None]) -> None:
        """Run as the thread: get the model ready, then score what waits until `stop`."""
        model = prepare()
        if model is not None:
            self.use(model)
        while self._score_next_batch():
            pass

    def stop(self) -> None:
        """End the thread after its batch."""
        with self._work:
            self._stopping = True
            self._work.notify()

    def _score_next_batch(self) -> bool:
        with self._work:
            while not self._waiting and not self._stopping:
                self._work.wait()
            if self._stopping:
                return False
            newest = [self._waiting.popitem()[0] for _ in range(min(TEXTS_A_BATCH, len(self._waiting)))]
        known = self.known(newest)
        self._score([text for text in newest if text not in known])
        return True

    def _score(self, texts: Sequence[str]) -> Mapping[str, float]:
        model = self._model
        if model is None or not texts:
            return {}
        try:
            scored = dict(zip(texts, (float(score) for score in model.scores(texts)), strict=True))
        except (ArtefactError, ValueError, RuntimeError) as error:
            self.fault = f"{model.model_id} failed: {plain_reason(error)}"
            log.error("sentiment.failed", reason=self.fault)
            return {}
        self._store.put(model.model_id, scored)
        first = {**scored, **self._store.get(model.model_id, texts)}
        self._remember(model, first)
        return first

    def _remember(self, model: SentimentModel, scores: Mapping[str, float]) -> None:
        with self._lock:
            if model is self._model:
                self._known.update(scores)
                while len(self._known) > REMEMBERED_MAX:
                    self._known.popitem(last=False)
