"""The sources at hand pass what an author of a feed runs, and broken ones do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adapters.calendar import NyseCalendar
from adapters.parquet.bars import ParquetBars
from adapters.simulated.market import SimulatedMarket
from config.trading import TradingSettings
from core.types import BarPanel
from tests.conformance.feeds import check_feed

SYMBOLS, SPAN = ("AAPL", "JPM", "SPY"), (date(2023, 1, 3), date(2023, 6, 30))


def simulated() -> SimulatedMarket:
    return SimulatedMarket(NyseCalendar(), TradingSettings().universe)


def test_the_simulated_market_keeps_every_law() -> None:
    assert len(check_feed(simulated(), SYMBOLS, *SPAN).sessions) > 100


def test_a_recorded_file_keeps_every_law(tmp_path: Path) -> None:
    bars = simulated().bars(SYMBOLS, *SPAN)
    rows = [
        pd.DataFrame(
            {
                "date": bars.sessions.astype("datetime64[D]"),
                "ticker": symbol,
                **{f: getattr(bars, f)[:, place] for f in ("open", "high", "low", "close", "volume")},
                "adj_close": bars.close[:, place],
            }
        )
        for place, symbol in enumerate(SYMBOLS)
    ]
    path = tmp_path / "bars.parquet"
    pd.concat(rows).to_parquet(path)
    assert len(check_feed(ParquetBars(path, NyseCalendar()), SYMBOLS, *SPAN).sessions) > 100


class Broken:
    """A source whose bars are changed on their way."""

    name = "broken"

    def __init__(self, change: Callable[[BarPanel], BarPanel]) -> None:
        self._change = change
        self._source = simulated()

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        return self._change(self._source.bars(symbols, start, end))

    def quotes(self, symbols: Sequence[str], at: object) -> dict[str, object]:
        return {}


def noisy(bars: BarPanel) -> BarPanel:
    return replace(bars, volume=bars.volume * np.random.default_rng().uniform(1, 2, bars.volume.shape))


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (lambda bars: replace(bars, symbols=bars.symbols[::-1]), "in that order"),
        (lambda bars: replace(bars, high=bars.low), "at most the high"),
        (lambda bars: replace(bars, close=np.where(bars.close > 0, np.nan, bars.close)), "there are bars"),
        (lambda bars: replace(bars, volume=bars.volume * np.nan), "whole or not there"),
        (noisy, "the same answer"),
    ],
)
def test_a_broken_source_fails(change: Callable[[BarPanel], BarPanel], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_feed(Broken(change), SYMBOLS, *SPAN)  # type: ignore[arg-type]  # its quotes are none
