"""News and their sentiment in the daemon: where they come from, which model scores them, what is degraded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from config.environment import Environment
from config.trading import TradingSettings
from core.errors import ArtefactError, DataError
from core.plain_words import plain_reason
from core.ports import Calendar, Clock, NewsSource
from core.types import Headline

if TYPE_CHECKING:
    from adapters.alpaca.news import AlpacaNewsStream
    from adapters.news.poller import NewsPoller
    from agents.sentiment import SentimentAgent
    from models.sentiment.finbert_model import Finbert
    from models.sentiment.tone_cache import SentimentCache, SentimentModel

log = structlog.get_logger("sentiment")
Headlines = Callable[[datetime], tuple[Headline, ...]]
PREPARING = "the model is being prepared"
ASKED_MAX = 100  # of a larger universe only what is held or a candidate is asked about


class SentimentService:
    """Keeps the sentiment side of the daemon: the news poller, the cache of scores and its thread."""

    def __init__(self, environment: Environment, trading: TradingSettings) -> None:
        self._environment = environment
        self._settings = trading.sentiment
        self._stocks = trading.stocks
        self._concerned: tuple[str, ...] = ()
        self._timeout_seconds = trading.data.timeout_seconds
        self._cache: SentimentCache | None = None
        self._finbert: Finbert | None = None
        self._news: NewsPoller | None = None
        self._stream: AlpacaNewsStream | None = None
        self._child: BaseProcess | None = None
        self._source = ""
        self._archive_fault = ""
        self._why = PREPARING

    def open(self) -> None:
        """Begin with the lexicon (or nothing, if config says so), and let the thread prepare FinBERT."""
        from adapters.news.score_store import SentimentScoreStore  # noqa: PLC0415  # brings sqlite
        from models.sentiment.tone_cache import SentimentCache  # noqa: PLC0415  # heavy: imported at first use

        if self._cache is not None:  # a start that is tried again
            return
        store = SentimentScoreStore(self._environment.state_dir / "cache" / "tones.sqlite")
        self._cache = SentimentCache(self._fallback(), store)
        threading.Thread(target=self._cache.run, args=(self._prepare,), daemon=True, name="sentiment").start()

    def follow(self, symbols: Iterable[str]) -> None:
        """Take what is held or a candidate now: of a large universe the vendor is asked about those alone."""
        self._concerned = tuple(sorted(set(symbols).intersection(self._stocks)))

    def _asked(self) -> Sequence[str]:
        return self._stocks if len(self._stocks) <= ASKED_MAX else self._concerned

    def agent(self) -> SentimentAgent:
        """Return the agent that reads these scores."""
        from agents.sentiment import SentimentAgent  # noqa: PLC0415  # with the agents

        return SentimentAgent(self._opened, self._settings, "there is no FinBERT, and config says to abstain")

    def headlines(self, feeds_own: Headlines | None, source: str, calendar: Calendar, clock: Clock) -> Headlines:
        """Choose where the news comes from, and show of it what is scored.

        Parameters
        ----------
        feeds_own : callable or None
            The simulated market's own headlines.
        source : str
            The name of the bars' source.
        """
        self._source = source if feeds_own else "none"
        shown = feeds_own or self._archive(calendar) or self._vendor(source, clock)
        if shown is None:
            return _no_headlines
        return lambda as_of: self._opened.scored(shown(as_of))

    def known_scores(self, texts: Iterable[str]) -> Mapping[str, float]:
        """Return the scores that are known of texts; nothing is scored for it."""
        return self._cache.known(texts) if self._cache else {}

    @property
    def optional(self) -> list[str]:
        """That FinBERT is not here, where nobody asked for it and the fallback scores instead."""
        asked = "FINBERT_PATH" in os.environ or self._settings.download
        falls_back = self._cache is not None and self._cache.model is not None
        return [self._without_finbert] if self._finbert is None and falls_back and not asked else []

    @property
    def _without_finbert(self) -> str:
        used = self._cache.model.model_id if self._cache and self._cache.model else "nothing"
        return f"sentiment: scored by {used}, not FinBERT: {self._why}"

    @property
    def faults(self) -> list[str]:
        """What is missing or fallen back."""
        cache, degraded = self._cache, []
        if self._finbert is None:
            degraded.append(self._without_finbert)
        if self._source == "none":
            degraded.append("sentiment: no news is read; see sentiment.news and sentiment.archive")
        degraded += [
            f"sentiment: {fault}" for fault in (cache.fault if cache else "", self._news_fault()) if fault
        ]
        if cache and cache.dropped_count:
            degraded.append(f"sentiment: {cache.dropped_count} headlines were not scored, too many at once")
        return degraded

    def card(self) -> Mapping[str, Any]:
        """Describe the model in use and the news."""
        model = self._cache.model if self._cache else None
        card: dict[str, Any] = {
            "state": "in use" if model else self._why,
            "model_id": model.model_id if model else None,
            "news": self._source or None,
            "waiting": self._cache.waiting_count if self._cache else 0,
        }
        if self._finbert is not None:
            made = self._finbert.artefact
            card |= {
                "source": made.source,
                "labels": list(made.labels),
                "served": made.served,
                "sha256": made.sha256,
                "difference_from_fp32": made.difference,
                "difference_max": made.difference_max,
            }
        return card

    def stop(self) -> None:
        """End the threads and the exporting process."""
        for part in (self._cache, self._news, self._stream):
            if part is not None:
                part.stop()
        if self._child is not None and self._child.is_alive():
            self._child.terminate()

    @property
    def _opened(self) -> SentimentCache:
        assert self._cache is not None  # noqa: S101  # the daemon opens it first
        return self._cache

    def _fallback(self) -> SentimentModel | None:
        if self._settings.without_model == "abstain":
            return None
        from models.sentiment.lexicon import Lexicon  # noqa: PLC0415  # reads its lists

        try:
            return Lexicon(self._settings.lexicon_confidence)
        except ArtefactError as error:
            self._why = str(error)
            return None

    def _prepare(self) -> SentimentModel | None:
        from models.sentiment.finbert_load import load_finbert  # noqa: PLC0415  # heavy: imported at first use

        path = os.environ.get("FINBERT_PATH")
        kept = self._environment.artefact_dir / "finbert"
        sound = self._environment.state_dir / "cache" / "finbert.json"
        try:
            self._finbert = load_finbert(Path(path) if path else None, self._settings, kept, self._follow, sound)
        except (ArtefactError, OSError, RuntimeError) as error:  # a full disk must not end the thread
            self._why = plain_reason(error)
            log.warning("sentiment.no_finbert", reason=self._why, instead=self._settings.without_model)
            return None
        log.info("sentiment.in_use", model_id=self._finbert.model_id)
        return self._finbert

    def _follow(self, child: BaseProcess) -> None:
        self._child = child

    def _archive(self, calendar: Calendar) -> Headlines | None:
        if not self._settings.archive:
            return None
        from adapters.news.archive import NewsArchive  # noqa: PLC0415  # heavy: imported at first use

        archive = NewsArchive(Path(self._settings.archive), calendar)
        window = timedelta(hours=self._settings.window_hours)
        try:
            archive.load()
        except DataError as error:
            self._archive_fault = str(error)
            return None
        self._source = f"archive {Path(self._settings.archive).name}"
        return lambda as_of: tuple(archive.news(self._stocks, as_of - window, as_of))

    def _vendor(self, source: str, clock: Clock) -> Headlines | None:
        from adapters.news.poller import NewsPoller  # noqa: PLC0415  # imported where it is made

        vendor = self._chosen(source)
        if vendor is None:
            return None
        if self._news is not None:
            self._news.stop()
        self._source = vendor.name
        self._news = NewsPoller(
            vendor,
            self._stocks,
            clock,
            window=timedelta(hours=self._settings.window_hours),
            refresh_seconds=self._settings.refresh_seconds,
            arrived=self._opened.score_ahead,
            asked=self._asked,
        )
        self._news.start()
        self._listen(vendor, self._news)
        return self._news.headlines

    def _chosen(self, source: str) -> NewsSource | None:
        wanted = self._settings.news
        keys = self._environment.alpaca_key, self._environment.alpaca_secret
        if wanted == "alpaca" or (wanted == "auto" and source == "alpaca"):
            if keys[0] is None or keys[1] is None or self._environment.alpaca_base_url:  # a stand-in has no news
                return None
            from adapters.alpaca.news import AlpacaNews, connect  # noqa: PLC0415  # heavy

            secrets = [key.get_secret_value() for key in keys if key is not None]
            return AlpacaNews(connect(*secrets, timeout_seconds=self._timeout_seconds))
        if wanted == "yfinance" or (wanted == "auto" and source == "yfinance"):
            from adapters.yahoo.news import YfinanceNews  # noqa: PLC0415  # heavy

            folder = self._environment.state_dir / "cache" / "py-yfinance"
            return YfinanceNews(vendor_folder=folder, timeout_seconds=self._timeout_seconds)
        return None

    def _listen(self, vendor: NewsSource, poller: NewsPoller) -> None:
        key, secret = self._environment.alpaca_key, self._environment.alpaca_secret
        if vendor.name != "alpaca" or key is None or secret is None:
            return
        from adapters.alpaca.news import AlpacaNewsStream, connect_stream  # noqa: PLC0415  # heavy

        stream = connect_stream(key.get_secret_value(), secret.get_secret_value())
        self._stream = AlpacaNewsStream(stream, self._stocks, lambda item: poller.add((item,)))
        self._stream.start()

    def _news_fault(self) -> str:
        return self._archive_fault or (self._news.fault if self._news else "")


def _no_headlines(_: datetime) -> tuple[Headline, ...]:
    return ()
