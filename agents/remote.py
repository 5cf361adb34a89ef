"""An agent that answers over HTTP: the view's summary goes out as JSON, scores come back.

What it answers is recorded with the step like any agent's signals, so that a replay needs no network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import PluginError
from core.plain_words import plain_reason
from core.types import MarketView, Signals

SCHEMA = "trading-engine/view-1"
HEADLINES_MAX = 200
Post = Callable[[bytes], bytes]


class SymbolSummary(Struct, frozen=True, kw_only=True):
    """One symbol as the view shows it."""

    close: Annotated[
        list[float | None], Meta(description="Adjusted closes in US dollars, oldest first; null: no bar.")
    ]
    volume: Annotated[float | None, Meta(description="Shares in the last session; null: no bar.")]
    price: Annotated[float | None, Meta(description="The newest price: the quote, else the last close.")]


class HeadlineSummary(Struct, frozen=True, kw_only=True):
    """One headline."""

    symbols: list[str]
    text: str
    published_at: datetime


class ViewSummary(Struct, frozen=True, kw_only=True):
    """What is posted: all of it was known at `as_of`."""

    agent: str
    as_of: datetime
    session: Annotated[str, Meta(description="ISO date of the last session whose bar is known.")]
    market_open: bool
    symbols: Annotated[dict[str, SymbolSummary], Meta(description="The symbols to score, and no others.")]
    headlines: Annotated[list[HeadlineSummary], Meta(description="The newest first, at most 200.")]
    schema: str = SCHEMA


class RemoteAnswer(Struct, frozen=True, kw_only=True):
    """What comes back."""

    scores: Annotated[
        dict[str, float],
        Meta(description="By symbol, in [-1, 1]; beyond is clamped, a symbol left out is abstained on."),
    ]
    reasons: Annotated[dict[str, str], Meta(description="Why, by symbol.")] = {}  # msgspec copies it
    confidence: float = 1.0
    model_id: Annotated[str, Meta(description="The model that answered, for the record.")] = ""


class RemoteAgent:
    """Asks a server for its scores.

    Parameters
    ----------
    post : callable
        Sends a body and returns the answer's; raises core.errors.PluginError when there is none.
    sessions : int
        How many of the last closes each symbol's summary has.
    """

    def __init__(self, name: str, post: Post, sessions: int) -> None:
        self.name = name
        self._post = post
        self._sessions = sessions

    def signals(self, view: MarketView, symbols: Sequence[str]) -> Signals:
        """Return what the server answers."""
        asked = msgspec.json.encode(summary_of(self.name, view, symbols, self._sessions))
        try:
            answer = msgspec.json.decode(self._post(asked), type=RemoteAnswer)
        except msgspec.MsgspecError as error:
            raise PluginError(f"what it answered is no answer of this kind: {plain_reason(error)}") from error
        return Signals(
            scores=answer.scores,
            reasons=answer.reasons,
            confidence=answer.confidence,
            model_id=answer.model_id,
        )


def summary_of(agent: str, view: MarketView, symbols: Sequence[str], sessions: int) -> ViewSummary:
    """Return the summary of a view that an agent elsewhere is sent."""
    bars, known = view.bars, [symbol for symbol in symbols if symbol in view.bars.column]
    close = bars.close[-sessions:]
    return ViewSummary(
        agent=agent,
        as_of=view.as_of,
        session=str(view.session),
        market_open=view.market_open,
        symbols={
            symbol: SymbolSummary(
                close=[_finite(value) for value in close[:, bars.column[symbol]].tolist()],
                volume=_finite(float(bars.volume[-1, bars.column[symbol]])),
                price=view.price(symbol),
            )
            for symbol in known
        },
        headlines=[
            HeadlineSummary(symbols=list(item.symbols), text=item.text, published_at=item.published_at)
            for item in sorted(view.headlines, key=lambda h: h.published_at, reverse=True)[:HEADLINES_MAX]
        ],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
