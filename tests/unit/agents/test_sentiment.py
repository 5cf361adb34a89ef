"""The sentiment agent: laws of its score, what it reads, what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sentiment import SentimentAgent, Story, weigh
from agents.sentiment_relevance import NAMED, relevance
from config.sentiment import SentimentSettings
from core.types import Headline, MarketView
from tests.default_universe import STOCKS
from tests.panels import make_panel

PANEL = make_panel(1, 30, ("AAPL", "MSFT", "SPY"))
AS_OF = datetime(2022, 2, 11, 21, tzinfo=UTC)
SETTINGS = SentimentSettings()
stories = st.lists(
    st.builds(Story, text=st.text(max_size=5), tone=st.floats(-1, 1), weight=st.floats(0, 1)), max_size=30
)


class Known:
    """Tones by text, and what was asked."""

    model_id, confidence_scale = "oracle", 0.8

    def __init__(self, tones: Mapping[str, float]) -> None:
        self.said, self.asked = tones, list[str]()

    @property
    def model(self) -> Known:
        return self

    def scores(self, texts: Iterable[str]) -> Mapping[str, float]:
        self.asked += list(texts)
        return {text: self.said[text] for text in self.asked if text in self.said}


class Nobody(Known):
    model = None  # type: ignore[assignment]  # there is no model


def item(text: str, hours_ago: float = 1.0, symbols: tuple[str, ...] = ("AAPL",), late: float = 0.0) -> Headline:
    at = AS_OF - timedelta(hours=hours_ago)
    return Headline(symbols=symbols, text=text, published_at=at, received_at=at + timedelta(hours=late))


def view(*items: Headline) -> MarketView:
    return MarketView(as_of=AS_OF, bars=PANEL.prefix(PANEL.rows_known(AS_OF)), headlines=items)


def score(tones: Mapping[str, float], *items: Headline) -> tuple[float, float]:
    signal = SentimentAgent(Known(tones), SETTINGS).signals(view(*items), ["AAPL"]).signals[0]
    return signal.score, signal.confidence


@settings(max_examples=50)
@given(stories)
def test_scores_are_bounded_and_turn_with_the_tones(said: list[Story]) -> None:
    mood = weigh(said, 1.0)
    turned = weigh([Story(s.text, -s.tone, s.weight) for s in said], 1.0)
    assert -1 <= mood.score <= 1 and 0 <= mood.confidence <= 1
    assert turned.score == -mood.score and turned.confidence == mood.confidence
    total = sum(s.weight for s in said)
    assert mood.score == pytest.approx(sum(s.weight * s.tone for s in said) / (total + 1.0) if total else 0.0)


@settings(max_examples=50)
@given(st.integers(1, 20), st.floats(0.1, 1), st.floats(0.1, 1))
def test_confidence_grows_with_each_story_that_agrees(count: int, tone: float, weight: float) -> None:
    told = [Story(str(n), tone, weight) for n in range(count + 1)]
    assert weigh(told, 1.0).confidence > weigh(told[:-1], 1.0).confidence
    against = [*told[:-1], Story("but", -tone, weight)]
    assert weigh(against, 1.0).confidence < weigh(told, 1.0).confidence


def test_a_golden_case_by_hand() -> None:
    """Two stories, 0 and 24 hours old: weights 1, 1/2; (0.8 - 0.25) / 2.5 and 1.5 / 2.5 x 0.55 / 1.05 x 0.8."""
    told = (item("AAPL good", 0), item("AAPL bad", 24))
    assert score({"AAPL good": 0.8, "AAPL bad": -0.5}, *told) == pytest.approx((0.22, 0.6 * 0.55 / 1.05 * 0.8))


def test_old_news_fades_and_then_is_gone() -> None:
    fresh, old = (score({"AAPL x": 1.0}, item("AAPL x", hours))[0] for hours in (0, 48))
    assert fresh == pytest.approx(0.5) and old == pytest.approx(0.25 / 1.25)
    analysis = SentimentAgent(Known({"AAPL x": 1.0}), SETTINGS).signals(view(item("AAPL x", 121)), ["AAPL"])
    assert not analysis.signals and "no news in the last 120 hours" in analysis.abstentions[0].reason


@pytest.mark.parametrize(
    ("symbol", "text", "symbols", "wanted"),
    [
        ("AAPL", "Apple lifts outlook", ("AAPL", "MSFT", "META"), 1.0),
        ("MSFT", "Apple lifts outlook", ("AAPL", "MSFT", "META"), 1 / 3),
        ("MSFT", "Big tech: MSFT and others", ("AAPL", "MSFT"), 1.0),
        ("V", "V for victory", ("V", "MA"), 0.5),
        ("V", "Payments (NYSE: V) slip", ("V", "MA"), 1.0),
        ("D", "A $D note", ("D", "SO"), 1.0),
        ("PG", "anything", ("PG",), 1.0),
        ("ZZZZ", "anything", ("ZZZZ", "A"), 0.5),
    ],
)
def test_relevance(symbol: str, text: str, symbols: tuple[str, ...], wanted: float) -> None:
    assert relevance(symbol, item(text, symbols=symbols)) == wanted


def test_every_stock_has_a_name() -> None:
    assert set(NAMED) == set(STOCKS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 200), st.floats(0, 50), st.floats(-1, 1)), min_size=1, max_size=12))
def test_nothing_later_than_the_moment_is_ever_read(rows: Sequence[tuple[float, float, float]]) -> None:
    """A view that were to hold the future (it cannot be made: the class refuses) would change nothing."""
    all_items = [item(f"AAPL {n}", hours, late=late) for n, (hours, late, _) in enumerate(rows)]
    tones = {f"AAPL {n}": tone for n, (*_, tone) in enumerate(rows)}
    past = [i for i in all_items if max(i.published_at, i.received_at) <= AS_OF]
    leaky = view(*past)
    object.__setattr__(leaky, "headlines", tuple(all_items))
    honest, poisoned = Known(tones), Known(tones)
    want = SentimentAgent(honest, SETTINGS).signals(view(*past), ["AAPL"])
    assert SentimentAgent(poisoned, SETTINGS).signals(leaky, ["AAPL"]) == want
    assert set(poisoned.asked) <= {i.text for i in past}


def test_the_same_view_gives_the_same_opinion_in_any_order() -> None:
    rng = np.random.default_rng(5)
    items = [item(f"AAPL {n}", float(n % 7)) for n in range(20)]
    tones = {i.text: float(rng.uniform(-1, 1)) for i in items}
    agent = SentimentAgent(Known(tones), SETTINGS)
    shuffled = [items[n] for n in rng.permutation(20)]
    assert agent.signals(view(*items), ["AAPL"]) == agent.signals(view(*shuffled), ["AAPL"])


def test_the_reasons_quote_what_moved_the_score_and_name_the_model() -> None:
    told = [item("AAPL soars " + "x" * 200), item("AAPL same"), item("AAPL slips"), item("AAPL meets")]
    tones = dict(zip((t.text for t in told), (0.9, 0.0, -0.6, 0.1), strict=True))
    analysis = SentimentAgent(Known(tones), SETTINGS).signals(view(*told), ["AAPL", "MSFT"])
    signal = analysis.signals[0]
    assert signal.model_id == "oracle" and analysis.models == {"sentiment": "oracle"}
    assert "4 stories by oracle" in signal.reason and "“AAPL slips” -0.60" in signal.reason
    assert "AAPL same" not in signal.reason and len(signal.reason) < 400
    assert [(a.symbol, a.reason) for a in analysis.abstentions] == [("MSFT", "no news of it")]


def test_a_story_whose_tone_is_not_known_is_no_zero() -> None:
    assert score({"AAPL a": 1.0}, item("AAPL a"), item("AAPL b")) == score({"AAPL a": 1.0}, item("AAPL a"))


def test_without_a_model_it_abstains_and_says_why() -> None:
    agent = SentimentAgent(Nobody({}), SETTINGS, "config says to abstain")
    analysis = agent.signals(view(item("AAPL a")), ["AAPL"])
    assert not analysis.signals and analysis.abstentions[0].reason == "config says to abstain"


def test_only_the_newest_stories_of_a_symbol_count() -> None:
    many = [item(f"AAPL {n}", n * 0.01) for n in range(500)]
    known = Known({i.text: 0.5 for i in many})
    SentimentAgent(known, SETTINGS).signals(view(*many), ["AAPL"])
    assert set(known.asked) == {i.text for i in many[: SETTINGS.stories_max]}
