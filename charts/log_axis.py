"""A log axis of growth with evenly spaced, labelled ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.market import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FACTORS = (10.0, 4.0, 2.0, 1.5, 1.25, 1.1, 1.05, 1.02, 1.01)
TICKS_MIN = 4


def log_ticks(low: float, high: float) -> Floats:
    """Return powers of the largest round factor of which at least four lie between two values above 0."""
    marks = np.ones(1)
    for factor in FACTORS:
        step = np.log10(factor)
        marks = factor ** np.arange(np.ceil(np.log10(low) / step), np.floor(np.log10(high) / step) + 1)
        if len(marks) >= TICKS_MIN:
            break
    return np.asarray(marks)


def dress_log_axis(axes: Axes, values: Floats) -> None:
    """Make the y axis of the curves a log axis, in multiples of 1."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415  heavy: at first use

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(log_ticks(float(values.min()), float(values.max())).tolist()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}×"))
    axes.yaxis.set_minor_locator(NullLocator())
