from __future__ import annotations

from datetime import date, timedelta
from math import nan

import numpy as np
import pytest

from adapters.feeds.quote_references import references_of
from core.types import BarPanel, Floats


def panel(closes: Floats) -> BarPanel:
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(len(closes))]
    return BarPanel(
        sessions=np.array(days, dtype="datetime64[D]"),
        known_at=np.array(days, dtype="datetime64[us]"),
        symbols=tuple("ABC"[: closes.shape[1]]),
        open=closes, high=closes, low=closes, close=closes, volume=closes,
    )  # fmt: skip


def test_volatility_is_the_ordinary_days_and_no_crash_widens_it() -> None:
    dice = np.random.default_rng(1)
    returns = dice.normal(0, 0.02, (400, 1))
    calm = references_of(panel(100 * np.exp(returns.cumsum(axis=0))))("A").volatility
    assert calm == pytest.approx(0.02, rel=0.3)
    returns[-10] = -0.6
    assert references_of(panel(100 * np.exp(returns.cumsum(axis=0))))("A").volatility == pytest.approx(
        calm, rel=0.1
    )


def test_the_last_close_is_the_last_there_is_and_little_history_is_unknown() -> None:
    closes = np.full((30, 3), nan)
    closes[:, 0] = 100 * 1.01 ** np.arange(30)
    closes[25:28, 1] = [5.0, 6.0, 7.0]
    found = references_of(panel(closes))
    assert found("A").close == closes[-1, 0]
    assert found("B") == (7.0, 0.03)
    assert found("C") == found("elsewhere") == (None, 0.03)


def test_an_empty_panel_knows_nothing() -> None:
    assert references_of(panel(np.empty((0, 2))))("A") == (None, 0.03)
