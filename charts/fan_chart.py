"""The fan of many paths out of sample: each path, the middle half, and what was walked forward beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charts.backtest_chart import BENCHMARKS, DPI, FAINT, GRID, INK, STRATEGY, WIDTH_PX
from core.market import Floats

HEIGHT_PX = 620


def draw_fan(
    title: str,
    subtitle: str,
    sessions: NDArray[np.datetime64],
    paths: Floats,
    beside: Mapping[str, Floats],
    path: Path,
) -> None:
    """Write the fan as a PNG.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    paths : ndarray of float64, shape (P, T)
        Curves from 1, P at least 2.
    beside : mapping of str to ndarray, shape (T,)
        At most four curves from 1 to draw over it, by name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  heavy: at first use
    from matplotlib.figure import Figure  # noqa: PLC0415  heavy: at first use

    figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.06, 0.08, 0.92, 0.76))
    low, middle, high = np.quantile(paths, [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(sessions, low, high, color=STRATEGY, alpha=0.18, lw=0, label="middle half of the paths")
    for curve in paths:
        axes.plot(sessions, curve, color=STRATEGY, lw=0.7, alpha=0.45)
    axes.plot(sessions, middle, color=STRATEGY, lw=2.2, label=f"median of {len(paths)} paths")
    for (name, curve), colour in zip(beside.items(), BENCHMARKS, strict=False):
        axes.plot(sessions, curve, color=colour, lw=1.6, label=name)
    axes.set_yscale("log")
    axes.set_xlim(sessions[0], sessions[-1])
    axes.grid(True, color=GRID, lw=0.8)
    axes.tick_params(colors=FAINT, labelsize=10.5, length=0, which="both")
    axes.spines[:].set_visible(False)
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=10.5)
    figure.text(0.06, 0.94, title, size=16, weight="bold", color=INK)
    figure.text(0.06, 0.895, subtitle, size=11, color=FAINT)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
