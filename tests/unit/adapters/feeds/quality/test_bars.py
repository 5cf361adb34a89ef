from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from adapters.calendar import NyseCalendar
from adapters.feeds.quality import inspect
from adapters.feeds.quality.bars import widened
from adapters.simulated.market import SimulatedMarket
from config.trading import DataSettings
from core.types import BarPanel
from tests.default_universe import DEFAULT

PANEL = SimulatedMarket(NyseCalendar(), DEFAULT, seed=5).bars(
    ("AAPL", "MSFT", "SPY"), date(2022, 1, 3), date(2023, 6, 30)
)
ROW = 100
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def with_open(share: float) -> BarPanel:
    """The panel with an open outside the range by a share of the close."""
    opening = PANEL.open.copy()
    opening[ROW, 0] = PANEL.high[ROW, 0] + share * PANEL.close[ROW, 0]
    return replace(PANEL, open=opening)


@pytest.mark.parametrize("share", [0.001, 0.009, 0.04])
def test_an_open_a_little_outside_the_range_widens_it_and_is_noted(share: float) -> None:
    panel = with_open(share)
    seen = inspect(panel, DataSettings(), fetched_at=LATER)
    assert seen.panel.high[ROW, 0] == panel.open[ROW, 0] and seen.panel.close[ROW, 0] == PANEL.close[ROW, 0]
    assert seen.row_quality(ROW).left_out == {} and seen.row_quality(ROW + 1).left_out == {}
    assert len(seen.notes) == 1 and seen.notes[0].startswith(
        "AAPL: open or close a little outside the range in 1"
    )


def test_an_open_far_outside_the_range_leaves_the_symbol_out() -> None:
    seen = inspect(with_open(0.06), DataSettings(), fetched_at=LATER)
    assert "contradict" in seen.row_quality(ROW).left_out["AAPL"]


@pytest.mark.parametrize(("share", "wide"), [(0.009, True), (0.011, False)])
def test_a_close_outside_the_range_is_widened_to_within_a_per_cent_only(share: float, wide: bool) -> None:
    row = int(np.flatnonzero(PANEL.open[:, 0] > 1.012 * PANEL.close[:, 0])[0])
    low = PANEL.low.copy()
    low[row, 0] = PANEL.close[row, 0] * (1 + share)
    assert widened(replace(PANEL, low=low))[1][row, 0] == wide


def test_a_sound_panel_is_given_back_as_it_is() -> None:
    panel, wide = widened(PANEL)
    assert panel is PANEL and not wide.any()
    assert np.isfinite(PANEL.close).all()
