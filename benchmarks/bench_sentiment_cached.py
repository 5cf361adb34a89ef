"""The sentiment agent on 64 tickers x 10 headlines whose tones are all cached: from memory, and from SQLite."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from adapters.news.tone_cache import ToneCache
from agents.sentiment import SentimentAgent
from config.sectors import STOCKS
from config.trading import SentimentSettings
from core.types import Headline, MarketView
from models.sentiment.lexicon import Lexicon
from models.sentiment.tone_cache import SentimentCache
from tests.panels import make_panel

AS_OF = datetime(2022, 2, 11, 21, tzinfo=UTC)
ROUNDS, MS_MAX = 30, 10.0


def headlines() -> tuple[Headline, ...]:
    out = []
    for place, symbol in enumerate(STOCKS):
        for n in range(10):
            at = AS_OF - timedelta(minutes=60 * n + place)
            text = f"{symbol} reports quarterly sales up {n + place} % and lifts its outlook for the year"
            out.append(Headline(symbols=(symbol,), text=text, published_at=at, received_at=at))
    return tuple(out)


def main() -> None:
    panel, model = make_panel(1, 40), Lexicon()
    view = MarketView(as_of=AS_OF, bars=panel.prefix(panel.rows_known(AS_OF)), headlines=headlines())
    with tempfile.TemporaryDirectory() as folder:
        cache = ToneCache(Path(folder) / "tones.sqlite")
        texts = [item.text for item in view.headlines]
        cache.put(model.model_id, dict(zip(texts, model.scores(texts).tolist(), strict=True)))
        warm = SentimentCache(model, cache)
        memory, cold = list[float](), list[float]()
        for _ in range(ROUNDS):
            for book, times in ((warm, memory), (SentimentCache(model, cache), cold)):
                began = time.perf_counter()
                analysis = SentimentAgent(book, SentimentSettings()).signals(view, STOCKS)
                times.append(1000 * (time.perf_counter() - began))
                assert len(analysis.signals) == 64
        cache.close()
    from_memory, from_disk = statistics.median(memory[1:]), statistics.median(cold[1:])
    print(
        json.dumps(
            {
                "bench": "sentiment_cached",
                "tickers": 64,
                "headlines": len(texts),
                "ms_from_memory": round(from_memory, 2),
                "ms_from_sqlite": round(from_disk, 2),
                "ms_max": MS_MAX,
                "reached": max(from_memory, from_disk) <= MS_MAX,
            }
        )
    )


if __name__ == "__main__":
    main()
