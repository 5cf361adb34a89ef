"""The fan of many paths out of sample: each path, the middle half, and what was walked forward beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charts.backtest_chart import BENCHMARKS, DPI, FAINT, GRID, INK, STRATEGY, WIDTH_PX
from charts.log_axis import dress_log_axis
from core.market import Floats

HEIGHT_PX = 620


def draw_null(
    title: str,
    sessions: NDArray[np.datetime64],
    fan: Mapping[str, Floats],
    strategy: Floats,
    exposure: Floats,
    path: Path,
) -> None:
    """Write a strategy among its random books as a PNG, its exposure below.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    fan : mapping of str to ndarray, shape (T,)
        Curves from 1: `p05`, `p25`, `p50`, `p75`, `p95`.
    strategy, exposure : ndarray of float64, shape (T,)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  heavy: at first use
    from matplotlib.figure import Figure  # noqa: PLC0415  heavy: at first use

    figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), facecolor="white")
    FigureCanvasAgg(figure)
    axes, below = figure.add_axes((0.06, 0.32, 0.92, 0.58)), figure.add_axes((0.06, 0.07, 0.92, 0.16))
    axes.fill_between(
        sessions, fan["p05"], fan["p95"], color=FAINT, alpha=0.15, lw=0, label="9 in 10 random books"
    )
    axes.fill_between(sessions, fan["p25"], fan["p75"], color=FAINT, alpha=0.25, lw=0, label="the middle half")
    axes.plot(sessions, fan["p50"], color=FAINT, lw=1.4, label="their median")
    axes.plot(sessions, strategy, color=STRATEGY, lw=2.2, label="strategy")
    dress_log_axis(axes, np.concatenate([fan["p05"], fan["p95"], strategy]))
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=10.5)
    below.fill_between(sessions, exposure, 0.0, color=STRATEGY, alpha=0.3, lw=0)
    below.set_title("Share of equity in stocks", loc="left", size=11, color=INK)
    below.set_ylim(bottom=0.0)
    for one in (axes, below):
        one.set_xlim(sessions[0], sessions[-1])
        one.grid(True, color=GRID, lw=0.8)
        one.tick_params(colors=FAINT, labelsize=10.5, length=0, which="both")
        one.spines[:].set_visible(False)
    figure.text(0.06, 0.94, title, size=14, weight="bold", color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


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
    dress_log_axis(axes, np.concatenate([paths.ravel(), *beside.values()]))
    axes.set_xlim(sessions[0], sessions[-1])
    axes.grid(True, color=GRID, lw=0.8)
    axes.tick_params(colors=FAINT, labelsize=10.5, length=0, which="both")
    axes.spines[:].set_visible(False)
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=10.5)
    figure.text(0.06, 0.94, title, size=16, weight="bold", color=INK)
    figure.text(0.06, 0.895, subtitle, size=11, color=FAINT)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
