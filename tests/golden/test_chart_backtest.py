"""The backtest's chart: what is drawn is what was given, and the same input gives the same bytes."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charts.backtest_chart import SHADE, BacktestPicture, compose, draw_backtest
from core.errors import InvariantError

SESSIONS = np.busday_offset(np.datetime64("2023-11-01"), list(range(90)))
WAVE = 1 + 0.1 * np.sin(np.arange(90) / 9)
PICTURE = BacktestPicture(
    title="Walk-forward, quant only",
    subtitle="64 stocks picked with hindsight; 10 bps a trade",
    sessions=SESSIONS,
    curves={"Strategy": 1000 * WAVE, "SPY": 400 + np.arange(90.0), "Equal weight": np.full(90, 7.0)},
    high_volatility=(np.arange(90) // 20) % 2 == 1,
    years=(2023, 2024),
    monthly=((None,) * 10 + (0.0123, -0.042), (0.1, -0.2, 0.0) + (None,) * 9),
    totals=(-0.0302, -0.12),
    notes={"SPY": "Sharpe 0.57"},
)


def chunks(png: bytes) -> dict[str, bytes]:
    out, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        out[png[at + 4 : at + 8].decode()] = png[at + 8 : at + 8 + length]
        at += 12 + length
    return out


def test_same_picture_same_bytes_without_a_stamp_and_1200_wide(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "one.png", tmp_path / "two.png"
    draw_backtest(PICTURE, one)
    draw_backtest(PICTURE, two)
    assert one.read_bytes() == two.read_bytes()
    found = chunks(one.read_bytes())
    assert struct.unpack(">I", found["IHDR"][:4]) == (1200,)
    assert not {"tEXt", "iTXt", "zTXt", "tIME"} & set(found)
    draw_backtest(replace(PICTURE, title="Another"), two)
    assert one.read_bytes() != two.read_bytes()


def test_the_panels_hold_the_numbers_given() -> None:
    equity, below, months = compose(PICTURE).axes
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in equity.lines}
    assert list(drawn) == ["Strategy", "SPY   Sharpe 0.57", "Equal weight"]
    assert drawn["Strategy"] == pytest.approx(WAVE)
    assert np.asarray(below.lines[0].get_ydata()) == pytest.approx(WAVE / np.maximum.accumulate(WAVE) - 1)
    words = [text.get_text() for text in months.texts]
    assert [word for word in words if word[0] in "+-"] == [
        "+1.2",
        "-4.2",
        "-3.0",
        "+10.0",
        "-20.0",
        "+0.0",
        "-12.0",
    ]
    assert words[:13][-1] == "Year"
    assert "2023" in words
    legend = equity.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][-1] == "high-volatility regime"


def test_the_shade_is_where_the_regime_is() -> None:
    from matplotlib.colors import to_rgba

    equity = compose(PICTURE).axes[0]
    shaded = [patch.get_extents() for patch in equity.patches if patch.get_facecolor() == to_rgba(SHADE)]
    assert len(shaded) == 2
    spans = [equity.transData.inverted().transform(box)[:, 0] for box in shaded]
    days = SESSIONS.astype(float)
    wanted = [days[[20, 40]], days[[60, 80]]]
    assert np.allclose(spans, wanted)


def test_all_text_lies_inside_the_picture() -> None:
    figure = compose(PICTURE)
    figure.draw_without_rendering()
    box = figure.bbox
    seen = [text for axes in figure.axes for text in [*axes.texts, axes.title]] + figure.texts
    legend = figure.axes[0].get_legend()
    assert legend is not None
    for text in [*seen, *legend.get_texts()]:
        edges = text.get_window_extent()
        assert edges.x0 >= box.x0, text
        assert edges.x1 <= box.x1, text
        assert edges.y0 >= box.y0, text
        assert edges.y1 <= box.y1, text


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"curves": {}}, "four benchmarks"),
        ({"curves": {"Strategy": np.ones(3)}}, "lengths"),
        ({"curves": {"Strategy": np.zeros(90)}}, "above 0"),
        ({"totals": ()}, "table"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(InvariantError, match=match):
        replace(PICTURE, **change)  # type: ignore[arg-type]  # the point of the test


def test_a_short_flat_run_without_a_regime_draws(tmp_path: Path) -> None:
    picture = replace(
        PICTURE, sessions=SESSIONS[:2], curves={"Strategy": np.ones(2)}, high_volatility=np.zeros(2, dtype=bool),
        years=(), monthly=(), totals=(),
    )  # fmt: skip
    draw_backtest(picture, tmp_path / "short.png")
    assert (tmp_path / "short.png").stat().st_size > 5_000
