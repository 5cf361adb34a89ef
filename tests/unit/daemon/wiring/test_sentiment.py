"""The daemon's sentiment side: what is in use without FinBERT, what is said about it, where news comes from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.simulated.market import SimulatedMarket
from config.environment import Environment
from config.sentiment import SentimentSettings
from config.trading import TradingSettings
from core.types import MarketView
from daemon.wiring.sentiment import SentimentService
from tests.default_universe import DEFAULT
from tests.panels import make_panel

CALENDAR = NyseCalendar()
AS_OF = datetime(2024, 3, 1, 23, 30, tzinfo=UTC)
Make = Callable[..., SentimentService]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.delenv("FINBERT_PATH", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    desks: list[SentimentService] = []

    def made(**settings: Any) -> SentimentService:
        environment = Environment(state_dir=tmp_path, artefact_dir=tmp_path / "models")
        desk = SentimentService(environment, TradingSettings(sentiment=SentimentSettings(**settings)))
        desk.open()
        desks.append(desk)
        return desk

    yield made
    for desk in desks:
        desk.stop()


def settled(desk: SentimentService, words: str) -> str:
    limit = time.monotonic() + 10
    while words not in (said := " ".join(desk.faults)) and time.monotonic() < limit:
        time.sleep(0.01)
    return said


def view(headlines: Callable[[datetime], Any], as_of: datetime = AS_OF) -> MarketView:
    panel = make_panel(1, 20, ("AAPL", "SPY"))
    return MarketView(as_of=as_of, bars=panel.prefix(panel.rows_known(as_of)), headlines=headlines(as_of))


def test_without_weights_the_lexicon_scores_by_name_and_the_notes_say_so(make: Make) -> None:
    desk = make()
    news = desk.headlines(SimulatedMarket(CALENDAR, DEFAULT).headlines, "simulated", CALENDAR, ManualClock(AS_OF))
    seen = view(news)
    symbols = sorted({s for item in seen.headlines for s in item.symbols})
    analysis = desk.agent().signals(seen, symbols)
    assert len(analysis.signals) == len(symbols) > 10
    assert {s.model_id for s in analysis.signals} == {"lexicon"} == set(analysis.models.values())
    assert all(s.confidence <= 0.5 and "by lexicon" in s.reason for s in analysis.signals)
    assert "scored by lexicon, not FinBERT" in settled(desk, "FINBERT_PATH")
    assert desk.card()["model_id"] == "lexicon" and desk.card()["news"] == "simulated"
    assert desk.agent().signals(view(news), symbols) == analysis


def test_the_agent_abstains_if_config_says_so(make: Make) -> None:
    desk = make(without_model="abstain")
    news = desk.headlines(SimulatedMarket(CALENDAR, DEFAULT).headlines, "simulated", CALENDAR, ManualClock(AS_OF))
    analysis = desk.agent().signals(view(news), ["AAPL"])
    assert not analysis.signals and "config says to abstain" in analysis.abstentions[0].reason
    assert "scored by nothing" in settled(desk, "scored by nothing")


def test_a_broken_model_folder_is_named_and_the_lexicon_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="FinBERT is in the extra `sentiment`")
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("FINBERT_PATH", str(tmp_path / "model"))
    assert "config.json cannot be read" in settled(make(), "config.json cannot be read")


def test_recorded_news_comes_from_the_archive_and_a_bad_one_is_named(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text("date,ticker,headline\n2024-03-01T15:00:00Z,AAPL,Apple beats estimates\n", encoding="utf-8")
    desk = make(archive=str(path))
    news = desk.headlines(None, "parquet", CALENDAR, ManualClock(AS_OF))
    assert [item.text for item in news(AS_OF)] == ["Apple beats estimates"]
    assert news(datetime(2024, 3, 1, 14, tzinfo=UTC)) == () and desk.card()["news"] == "archive news.csv"
    bad = make(archive=str(tmp_path / "gone.csv"))
    assert bad.headlines(None, "parquet", CALENDAR, ManualClock(AS_OF))(AS_OF) == ()
    said = " ".join(bad.faults)
    assert "no news is read" in said and "gone.csv cannot be read" in said


def test_no_keys_no_alpaca_news(make: Make) -> None:
    desk = make(news="alpaca")
    assert desk.headlines(None, "alpaca", CALENDAR, ManualClock(AS_OF))(AS_OF) == ()
    assert any("no news is read" in fault for fault in desk.faults)


def test_finbert_is_optional_until_somebody_asks_for_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make()
    settled(desk, "FINBERT_PATH")
    assert desk.optional == [line for line in desk.faults if "not FinBERT" in line] != []
    monkeypatch.setenv("FINBERT_PATH", "/nowhere")
    assert desk.optional == [], "what was asked for and is missing is degraded"
    assert make(without_model="abstain").optional == [], "nothing scores instead"
