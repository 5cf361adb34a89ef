"""The book of tones and its cache: first tone stays, bounded waiting, no model, a thread that scores ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from adapters.news.score_store import SentimentScoreStore
from core.types import Floats, Headline
from models.sentiment.lexicon import Lexicon
from models.sentiment.tone_cache import WAITING_MAX, SentimentCache

AT = datetime(2024, 3, 1, tzinfo=UTC)


class Counting:
    """Says how long a text is, and counts."""

    confidence_scale, at_once_max = 1.0, 4

    def __init__(self, model_id: str = "counting", gate: threading.Event | None = None) -> None:
        self.model_id, self.seen, self.gate = model_id, list[str](), gate

    def scores(self, texts: Sequence[str]) -> Floats:
        if self.gate is not None:
            self.gate.wait(10)
        self.seen += texts
        return np.array([len(text) / 100 for text in texts])


class Broken(Counting):
    def scores(self, texts: Sequence[str]) -> Floats:
        raise RuntimeError("out of memory")


def headlines(*texts: str) -> list[Headline]:
    return [Headline(symbols=("AAPL",), text=text, published_at=AT, received_at=AT) for text in texts]


def until(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_each_text_is_scored_once_for_ever(tmp_path: Path) -> None:
    path, model = tmp_path / "cache" / "tones.sqlite", Counting()
    cache = SentimentScoreStore(path)
    book = SentimentCache(model, cache)
    assert book.scores(["a", "bb", "a"]) == {"a": 0.01, "bb": 0.02} == book.scores(["bb", "a"])
    cache.close()
    reopened = SentimentScoreStore(path)
    assert SentimentCache(model, reopened).scores(["a", "bb"]) == {"a": 0.01, "bb": 0.02}
    assert model.seen == ["a", "bb"]
    assert SentimentCache(Counting("other"), reopened).known(["a"]) == {}
    reopened.close()


def test_a_decision_scores_a_bounded_number_and_leaves_the_rest_to_the_thread() -> None:
    model = Counting()
    book = SentimentCache(model, SentimentScoreStore(None))
    shown = book.scored(headlines(*"abcdefghij"))
    assert [item.text for item in shown] == ["g", "h", "i", "j"] and book.waiting_count == 6
    thread = threading.Thread(target=book.run, args=(lambda: None,), daemon=True)
    thread.start()
    until(lambda: len(book.known("abcdefghij")) == 10)
    book.stop()
    thread.join(5)
    assert not thread.is_alive() and len(book.scored(headlines(*"abcdefghij"))) == 10
    assert sorted(model.seen) == sorted("abcdefghij")


def test_a_decision_does_not_wait_for_the_thread() -> None:
    gate, model = threading.Event(), Counting()
    book = SentimentCache(model, SentimentScoreStore(None))
    book.scores(["known"])
    model.gate = gate
    book.score_ahead(["slow"])
    thread = threading.Thread(target=book.run, args=(lambda: None,), daemon=True)
    thread.start()
    until(lambda: book.waiting_count == 0)  # the thread is inside the model now
    assert book.known(["known", "slow"]) == {"known": 0.05}
    gate.set()
    until(lambda: len(book.known(["slow"])) == 1)
    book.stop()
    thread.join(5)


def test_ten_thousand_headlines_at_once_are_bounded_and_the_loss_is_counted() -> None:
    book = SentimentCache(Counting(), SentimentScoreStore(None))
    book.score_ahead([f"headline {n}" for n in range(WAITING_MAX + 500)])
    assert book.waiting_count == WAITING_MAX and book.dropped_count == 500
    lexicon = SentimentCache(Lexicon(), SentimentScoreStore(None))
    assert len(lexicon.scored(headlines(*(f"sales rose {n} %" for n in range(10_000))))) == 10_000


def test_a_new_model_does_not_inherit_tones() -> None:
    book = SentimentCache(Counting("one"), SentimentScoreStore(None))
    book.scores(["a"])
    book.use(Counting("two"))
    assert book.known(["a"]) == {} and book.model is not None and book.model.model_id == "two"


def test_a_model_that_fails_is_named_and_says_nothing() -> None:
    book = SentimentCache(Broken(), SentimentScoreStore(None))
    assert book.scores(["a"]) == {} and "out of memory" in book.fault


def test_without_a_model_nothing_is_shown() -> None:
    book = SentimentCache(None, SentimentScoreStore(None))
    assert book.scored(headlines("a")) == () and book.scores(["a"]) == {}


@pytest.mark.parametrize("body", [b"", b"not a database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_corrupt_cache_is_begun_anew(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "tones.sqlite"
    path.write_bytes(body)
    cache = SentimentScoreStore(path)
    cache.put("m", {"a": 0.5})
    cache.put("m", {"a": -0.5, "b\ud800": 0.1})
    assert cache.get("m", ["a", "b\ud800", "c"]) == {"a": 0.5, "b\ud800": 0.1}
    cache.close()
    assert cache.get("m", ["a"]) == {}  # a closed cache costs time, not the decision
    cache.put("m", {"a": 0.5})


def test_a_cache_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    cache = SentimentScoreStore(tmp_path / "file" / "tones.sqlite")
    cache.put("m", {"a": 0.5})
    assert cache.get("m", ["a"]) == {"a": 0.5}
    cache.close()
