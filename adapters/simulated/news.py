"""The simulated market's headlines: out after the close, in a sentiment loosely tied to its return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from core.types import BarPanel, Headline

ITEMS_A_SESSION = 8
SENTIMENT_NOISE = 0.015
PUBLISHER = "Simulated Wire"
GOOD = (
    "{0} raises its outlook after strong demand",
    "{0} beats estimates as margins widen",
    "Analysts lift their targets for {0}",
    "{0} wins a large contract",
)
BAD = (
    "{0} warns of weaker sales this quarter",
    "{0} misses estimates as costs rise",
    "Regulators open an inquiry into {0}",
    "Analysts cut their targets for {0}",
)
PLAIN = (
    "{0} names a new board member",
    "{0} to present at an industry conference",
    "{0} keeps its dividend unchanged",
)
SPLIT_SYMBOL, SPLIT_RATIO, SPLIT_ROW = "NVDA", 4, 1400


def headlines_of(
    seed: int, panel: BarPanel, row: int, first_row: int, stocks: Sequence[str]
) -> tuple[Headline, ...]:
    """Write the headlines of the session in `row`, each published 5 to 120 minutes after its close.

    The market's one split (prices and volumes are already adjusted for it, so the bars show no jump) is
    announced in the session it takes effect.

    Parameters
    ----------
    first_row : int
        Which of the market's sessions the panel's first one is.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2, first_row + row]))
    chosen = rng.choice(len(stocks), min(ITEMS_A_SESSION, len(stocks)), replace=False)
    sentiments, words, minutes = rng.standard_normal(ITEMS_A_SESSION), rng.random(ITEMS_A_SESSION), rng.random(8)
    closes_at = panel.known_at[row].astype(datetime).replace(tzinfo=UTC)
    news = []
    for index, stock in enumerate(chosen):
        symbol = stocks[stock]
        template = _template(
            _session_return(panel, row, symbol) + SENTIMENT_NOISE * sentiments[index], words[index]
        )
        news.append(_item(symbol, template.format(symbol), closes_at, 5 + 115 * minutes[index]))
    if first_row + row == SPLIT_ROW and SPLIT_SYMBOL in stocks:
        news.append(_item(SPLIT_SYMBOL, f"{SPLIT_SYMBOL} splits its stock {SPLIT_RATIO} for 1", closes_at, 1.0))
    return tuple(sorted(news, key=lambda item: (item.published_at, item.text)))


def _session_return(panel: BarPanel, row: int, symbol: str) -> float:
    column = panel.column[symbol]
    before = panel.close[row - 1, column] if row else panel.open[row, column]
    return float(panel.close[row, column] / before - 1)


def _template(sentiment: float, word: float) -> str:
    choice = GOOD if sentiment > 0.01 else BAD if sentiment < -0.01 else PLAIN
    return choice[int(word * len(choice))]


def _item(symbol: str, text: str, closes_at: datetime, minutes_after: float) -> Headline:
    at = closes_at + timedelta(minutes=round(minutes_after))
    return Headline(symbols=(symbol,), text=text, published_at=at, received_at=at, publisher=PUBLISHER)
