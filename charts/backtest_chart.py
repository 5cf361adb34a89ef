"""The picture of a backtest: equity with its benchmarks, drawdown, regime, and returns by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from charts.log_axis import dress_log_axis
from core.errors import InvariantError
from core.market import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PX, DPI = 1200, 100
LEFT_PX, RIGHT_PX = 70, 1172
INK, FAINT, GRID, SHADE = "#1f2933", "#6b7785", "#e4e8ec", "#f9e7d0"
STRATEGY, LOSS, GAIN = "#0b57a4", "#b8402f", "#1d7a5f"
BENCHMARKS = ("#5d6875", "#c77700", "#1d8a6b", "#8e4ba8")
DASHES = ("solid", "solid", (0, (5, 2)), (0, (1.5, 1.5)))
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year")
FULL_COLOUR_PCT = 8.0  # a month beyond this is drawn in the strongest colour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestPicture:
    """All that the chart shows.

    Attributes
    ----------
    title : str
        What was run.
    subtitle : str
        What the reader must know beside it: costs, span, a universe picked with hindsight.
    sessions : ndarray of datetime64[D], shape (T,)
        Dates of the curves.
    curves : mapping of str to ndarray, shape (T,)
        Equity by name, the strategy first; each is drawn from 1.
    high_volatility : ndarray of bool, shape (T,)
        Sessions in the high-volatility regime, shaded.
    years : sequence of int, length Y
        Rows of the table.
    monthly : sequence of Y sequences of 12 float or None
        Returns by month, fractions; None where there is none.
    totals : sequence of float, length Y
        Returns by year, fractions.
    notes : mapping of str to str
        Figures printed beside a curve's name in the legend, by that name.
    """

    title: str
    sessions: NDArray[np.datetime64]
    curves: Mapping[str, Floats]
    high_volatility: NDArray[np.bool_]
    years: Sequence[int]
    monthly: Sequence[Sequence[float | None]]
    totals: Sequence[float]
    subtitle: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.curves) <= 1 + len(BENCHMARKS):
            raise InvariantError(
                f"The chart draws a strategy and up to four benchmarks, not {len(self.curves)} curves."
            )
        lengths = {len(self.sessions), len(self.high_volatility), *(len(c) for c in self.curves.values())}
        if len(lengths) != 1 or len(self.sessions) < 2:
            raise InvariantError(f"The chart's arrays have lengths {sorted(lengths)}: one length of at least 2.")
        if any(not np.isfinite(curve).all() or curve.min() <= 0 for curve in self.curves.values()):
            raise InvariantError("A curve holds a value that is not above 0: it has no place on a log axis.")
        if not len(self.years) == len(self.monthly) == len(self.totals):
            raise InvariantError("The chart's table has not one row and one total for each year.")


def draw_backtest(picture: BacktestPicture, path: Path) -> None:
    """Write the picture as a PNG, 1200 px wide; the same picture gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    compose(picture).savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def compose(picture: BacktestPicture) -> Figure:
    """Lay the panels out on a figure of their own (nothing of pyplot's is touched)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  heavy: at first use
    from matplotlib.figure import Figure  # noqa: PLC0415  heavy: at first use

    legend_px = 22 * (len(picture.curves) + 1) + 12
    table_px = 34 + 28 * len(picture.years)
    height_px = 80 + legend_px + 40 + 440 + 50 + 180 + 62 + table_px + 16
    figure = Figure(figsize=(WIDTH_PX / DPI, height_px / DPI), facecolor="white")
    FigureCanvasAgg(figure)

    def panel(top_px: int, tall_px: int) -> Axes:
        box = (LEFT_PX / WIDTH_PX, 1 - (top_px + tall_px) / height_px, (RIGHT_PX - LEFT_PX) / WIDTH_PX)
        return figure.add_axes((*box, tall_px / height_px))

    _titles(figure, picture, height_px)
    top_px = 80 + legend_px + 40
    _equity(panel(top_px, 440), picture)
    _drawdown(panel(top_px + 490, 180), picture)
    _months(panel(top_px + 732, table_px), picture)
    return figure


def _titles(figure: Figure, picture: BacktestPicture, height_px: int) -> None:
    left = LEFT_PX / WIDTH_PX
    figure.text(left, 1 - 40 / height_px, picture.title, size=17, weight="bold", color=INK)
    figure.text(left, 1 - 66 / height_px, picture.subtitle, size=11, color=FAINT)


def _equity(axes: Axes, picture: BacktestPicture) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415  heavy: at first use

    _dress(axes, picture)
    styles = [(STRATEGY, "solid", 2.4), *((c, d, 1.5) for c, d in zip(BENCHMARKS, DASHES, strict=True))]
    for rank, (name, curve) in enumerate(picture.curves.items()):
        colour, dash, width = styles[rank]
        label = f"{name}   {picture.notes[name]}" if name in picture.notes else name
        axes.plot(
            picture.sessions, curve / curve[0], color=colour, ls=dash, lw=width, label=label, zorder=10 - rank
        )
    dress_log_axis(axes, np.concatenate([curve / curve[0] for curve in picture.curves.values()]))
    axes.set_title("Growth of 1, log scale", loc="left", size=11, color=INK, pad=6)
    axes.tick_params(labelbottom=False)
    handles, _ = axes.get_legend_handles_labels()
    if picture.high_volatility.any():
        handles.append(Patch(facecolor=SHADE, label="high-volatility regime"))
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1 + 36 / 440), fontsize=10.5, frameon=False,
                labelcolor=INK, borderpad=0, borderaxespad=0, handlelength=2.6)  # fmt: skip


def _drawdown(axes: Axes, picture: BacktestPicture) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415  heavy: at first use

    _dress(axes, picture)
    for rank, curve in enumerate(picture.curves.values()):
        below = curve / np.maximum.accumulate(curve) - 1.0
        if rank == 0:
            axes.fill_between(picture.sessions, below, 0.0, color=STRATEGY, alpha=0.22, lw=0, zorder=3)
        colour, dash = (STRATEGY, "solid") if rank == 0 else (BENCHMARKS[rank - 1], DASHES[rank - 1])
        axes.plot(picture.sessions, below, color=colour, ls=dash, lw=1.6 if rank == 0 else 0.9, zorder=10 - rank)
    axes.set_ylim(top=0.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_title("Below the last peak", loc="left", size=11, color=INK, pad=6)


def _months(axes: Axes, picture: BacktestPicture) -> None:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415  heavy: at first use
    from matplotlib.patches import Rectangle  # noqa: PLC0415  heavy: at first use

    colours = LinearSegmentedColormap.from_list("returns", [LOSS, "#ffffff", GAIN])
    strategy = next(iter(picture.curves))
    axes.set_title(f"{strategy}: return by month, %", loc="left", size=11, color=INK, pad=6)
    axes.set_xlim(-1.25, 12.8)
    axes.set_ylim(len(picture.years) - 0.5, -0.5 - 34 / 28)
    axes.axis("off")
    for column, month in enumerate(MONTHS):
        axes.text(column + 0.3 * (column == 12), -0.8, month, ha="center", va="center", size=10, color=FAINT)
    for row, (year, months, total) in enumerate(zip(picture.years, picture.monthly, picture.totals, strict=True)):
        axes.text(-1.25, row, str(year), ha="left", va="center", size=10.5, color=INK)
        for column, value in enumerate([*months, total]):
            if value is None:
                continue
            left = column - 0.48 + 0.3 * (column == 12)
            strength = np.clip(value * 100 / FULL_COLOUR_PCT / (3 if column == 12 else 1), -1, 1) * 0.85
            axes.add_patch(Rectangle((left, row - 0.46), 0.96, 0.92, facecolor=colours((strength + 1) / 2), lw=0))
            axes.text(left + 0.48, row, f"{value * 100:+.1f}", ha="center", va="center", size=10.5,
                      color="white" if abs(strength) > 0.7 else INK,
                      weight="bold" if column == 12 else "normal")  # fmt: skip


def _dress(axes: Axes, picture: BacktestPicture) -> None:
    """Grid, dates and the shade of the high-volatility regime, common to both time panels."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  heavy: at first use

    for start, end in _spans(picture.high_volatility):
        axes.axvspan(picture.sessions[start], picture.sessions[end], facecolor=SHADE, lw=0, zorder=0)
    axes.set_xlim(picture.sessions[0], picture.sessions[-1])
    locator = AutoDateLocator(minticks=5, maxticks=12)  # type: ignore[no-untyped-call]  # matplotlib gives it no types
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]  # as above
    axes.grid(True, color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=FAINT, labelsize=10.5, length=0)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=FAINT)


def _spans(shaded: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and following row of each run of True; the last run ends at the last row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shaded, [False]]).astype(int)))
    last = len(shaded) - 1
    return [(int(start), min(int(end), last)) for start, end in edges.reshape(-1, 2)]
