"""A backtest's verdict in one line: what its figures show, and what they do not."""

from __future__ import annotations

from backtest.market import YARDSTICK
from backtest.report import Report
from backtest.windows import Window

CHANCE_PERCENTILE_MIN = 95.0
PROBABILITY_MIN = 0.95


def verdict(report: Report) -> str:
    """Return the verdict on the newest sessions that nobody had seen, else on the whole span."""
    unseen = [window for window in report.windows if not window.seen]
    window = unseen[-1] if unseen else report.windows[0]
    seen = "not seen" if unseen else "seen"
    return (
        f"{_shown(window)}: {_figures(window)}, {window.first} to {window.last}, "
        f"{seen} when the settings were chosen."
    )


def _shown(window: Window) -> str:
    found, sharpe = window.significance, window.table["strategy"].sharpe
    percentile, yardstick = window.luck.percentile, window.table[YARDSTICK].sharpe
    if sharpe is None or percentile is None:
        return "Nothing is shown: it did not trade"
    above = found.interval is not None and found.interval.low > 0 and (found.deflated or 0.0) >= PROBABILITY_MIN
    if percentile < CHANCE_PERCENTILE_MIN or not above:
        return "Not shown to be better than chance"
    better = yardstick is None or sharpe > yardstick
    return f"Better than chance, {'and' if better else 'but not'} better than {YARDSTICK}"


def _figures(window: Window) -> str:
    interval, luck = window.significance.interval, window.luck
    yardstick = window.table[YARDSTICK].sharpe
    between = f" (95 % {interval.low:.2f} to {interval.high:.2f})" if interval else ""
    place = "" if luck.percentile is None else f", percentile {luck.percentile:.0f} of {luck.books} random books"
    beside = "" if yardstick is None else f", {YARDSTICK} {yardstick:.2f}"
    sharpe = window.table["strategy"].sharpe
    return f"Sharpe {'-' if sharpe is None else f'{sharpe:.2f}'}{between}{place}{beside}"
