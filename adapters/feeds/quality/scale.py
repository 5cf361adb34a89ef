"""Prices of another scale: splits not applied or applied twice, units mixed up, for a while or for all the past.

A jump of the open and the close by one ratio is a change of scale when the ratio is one no market makes (a
hundred, a thousand), when a split of that ratio is in the vendor's own table beside it, or when the ratio is a
small one of whole numbers and the session was as quiet as any (a real move has the volume and the range). What
jumps back is a block of wrong rows; what does not is a past that was not restated, and the newest prices hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adapters.feeds.quality.activity import AROUND, Surroundings, quiet, surroundings
from adapters.feeds.quality.ratios import SPLIT_LOGS, UNIT_LOGS, UNITS, nearest
from adapters.feeds.quality.rows import CLOSE, OPEN, Flags, Rows, Series
from core.types import Floats

JUMP_MIN = 0.12  # as a log: the least jump looked at
GAP_DAYS_MAX = 10
SPLIT_ROWS = 5  # a vendor's split may stand some sessions beside where its prices change
CONFIRMED_ROWS_MIN = 2  # the session of a jump and one more
SIGMAS = 4.0
TOLERANCE_MIN = 0.06
TOLERANCE_UNIT_MIN, TOLERANCE_UNIT_MAX = 0.15, 1.0
OVERNIGHT_MIN, OVERNIGHT_SIGMAS = 0.025, 2.5
TOLERANCE_SHARE = 0.1  # of a split's log: coarse ticks of a penny stock
VOLUME_ROWS = 60
BLOCK_ROWS_MAX = 260  # a year; units and splits of one and the same ratio are matched over any time
LASTING_ROWS = 5
SAME_RATIO = 1e-9
PAYS_MAX = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A change of scale.

    Attributes
    ----------
    row : int
        The first row on the new scale.
    move : float
        Log of the open over the close before.
    ratio : float
        Log of the ratio it is taken for; NaN where it is near none, or two.
    noise : float
        How far the move may be off the ratio, as a log.
    confirmed : bool
        Whether a split of that ratio stands beside it.
    """

    row: int
    move: float
    ratio: float
    noise: float
    confirmed: bool


def repair_scale(series: Series) -> Flags:
    """Bring prices of another scale to that of the newest ones, and say so.

    Returns
    -------
    ndarray of bool, shape (m,)
        Rows that are of another scale for a while, by a ratio that is not certain.
    """
    doubtful = np.zeros(len(series.at), dtype=bool)
    opening, closing = moves(series)
    rows = np.flatnonzero((np.abs(opening) > JUMP_MIN) & (np.abs(closing) > JUMP_MIN) & (opening * closing > 0))
    if not len(rows):
        return doubtful
    odd = np.zeros(len(opening), dtype=bool)
    odd[rows] = True
    usual = surroundings(series, rows, odd, looked_at=AROUND)
    calm = quiet(opening[rows], closing[rows], usual)
    by_column: dict[int, list[Jump]] = {}
    for jump in _jumps(series, rows, opening, closing, usual, calm):
        by_column.setdefault(int(series.columns[jump.row]), []).append(jump)
    for jumps in by_column.values():
        lasting = _repair_blocks(series, jumps, doubtful)
        _repair_past(series, lasting)
    return doubtful


def moves(series: Series) -> tuple[Floats, Floats]:
    """Give the logs of open and close over the previous close, a dividend paid back where that explains more.

    Notes
    -----
    0 in a symbol's first row and after a gap of more than ten days, where a stock may well have moved.
    """
    before = series.before()
    gap = np.concatenate([np.zeros(min(1, len(before))), np.diff(series.sessions).astype(np.float64)])
    near = ~np.isnan(before) & (gap <= GAP_DAYS_MAX)
    paid = np.where(series.dividend < PAYS_MAX * before, series.dividend, 0.0)
    out = []
    for column in (OPEN, CLOSE):
        plain = np.log(np.where(near, series.prices[:, column] / before, 1.0))
        whole = np.log(np.where(near, (series.prices[:, column] + paid) / before, 1.0))
        out.append(np.where(np.abs(whole) < np.abs(plain), whole, plain))
    return out[0], out[1]


def _jumps(
    series: Series, rows: Rows, opening: Floats, closing: Floats, usual: Surroundings, calm: Flags
) -> list[Jump]:
    out = []
    for index, row in enumerate(rows):
        near, far = _split_logs(series, int(row))
        move = float(opening[row]), float(closing[row])
        noise = SIGMAS * float(usual.sigma[index])
        found = _of_split(move, near, noise)
        confirmed = not np.isnan(found)
        if not confirmed:
            tolerance = min(max(TOLERANCE_UNIT_MIN, noise), TOLERANCE_UNIT_MAX)
            found = nearest(*move, UNIT_LOGS, (tolerance, tolerance))
        if np.isnan(found) and calm[index]:
            found = _of_split(move, far, noise)
        if np.isnan(found) and calm[index]:
            overnight = max(OVERNIGHT_MIN, OVERNIGHT_SIGMAS * float(usual.sigma[index]))
            found = nearest(*move, SPLIT_LOGS, (overnight, max(TOLERANCE_MIN, noise)))
        if calm[index] or not np.isnan(found):
            out.append(Jump(row=int(row), move=move[0], ratio=found, noise=noise, confirmed=confirmed))
    return out


def _of_split(move: tuple[float, float], ratios: Floats, noise: float) -> float:
    """Give the log of a split in the table that a move is as large as, either way; NaN without."""
    ratios = ratios[np.abs(ratios) > JUMP_MIN]
    if not len(ratios):
        return float("nan")
    size = np.abs(ratios)
    tolerance = np.minimum(np.maximum(max(TOLERANCE_MIN, noise), TOLERANCE_SHARE * size), size / 3)
    off = np.maximum(np.abs(move[0] - ratios), np.abs(move[1] - ratios))
    best = int(np.argmin(off))
    return float(ratios[best]) if off[best] <= tolerance[best] else float("nan")


def _split_logs(series: Series, row: int) -> tuple[Floats, Floats]:
    """Give the logs of the splits beside a row and of all the symbol's splits, each with its reciprocal."""
    first, end = series.bounds(row)
    near = series.split[max(first, row - SPLIT_ROWS) : min(end, row + SPLIT_ROWS + 1)]
    logs = [np.log(part[part > 0]) for part in (near, series.split[first:end])]
    return np.concatenate([logs[0], -logs[0]]), np.concatenate([logs[1], -logs[1]])


def _repair_blocks(series: Series, jumps: list[Jump], doubtful: Flags) -> list[Jump]:
    """Match each jump with the one that takes it back, repair what lies between, and give the jumps that last."""
    lasting: list[Jump] = []
    for jump in jumps:
        start = next((one for one in reversed(lasting) if _takes_back(one, jump)), None)
        if start is None:
            lasting.append(jump)
            continue
        lasting.remove(start)
        ratio = _ratio_of(start, jump)
        known = start.confirmed or jump.confirmed or bool(np.isclose(np.abs(ratio), UNITS).any())
        if not known and jump.row - start.row < LASTING_ROWS:
            ratio = np.nan  # a short spike may be off by anything
        length = f"{jump.row - start.row} sessions"
        if np.isnan(ratio):
            doubtful[start.row : jump.row] = True
            series.report(start.row, f"prices off by about {_said(start.move)} for {length}, left out")
            continue
        series.report(start.row, f"prices off by {_said(ratio)} for {length}, brought into line")
        _divide(series, start.row, jump.row, ratio)
    return lasting


def _takes_back(start: Jump, end: Jump) -> bool:
    if abs(start.ratio + end.ratio) < SAME_RATIO:
        return True
    near = end.row - start.row <= BLOCK_ROWS_MAX and start.move * end.move < 0
    limit = min(max(TOLERANCE_MIN, start.noise, end.noise), abs(start.move) / 3)
    return near and abs(start.move + end.move) <= limit


def _ratio_of(start: Jump, end: Jump) -> float:
    """Give the log ratio between two jumps that cancel: what either is taken for, or what both are near."""
    if start.confirmed or np.isnan(end.ratio) or abs(start.ratio + end.ratio) < SAME_RATIO:
        if not np.isnan(start.ratio):
            return start.ratio
    elif end.confirmed or np.isnan(start.ratio):
        return -end.ratio
    middle = (start.move - end.move) / 2
    return nearest(middle, middle, np.concatenate([UNIT_LOGS, SPLIT_LOGS]), (OVERNIGHT_MIN, OVERNIGHT_MIN))


def _repair_past(series: Series, jumps: list[Jump]) -> None:
    """Bring all that lies before a jump that lasts to the scale after it."""
    for jump in jumps:
        first, end = series.bounds(jump.row)
        late = end - jump.row < CONFIRMED_ROWS_MIN and not jump.confirmed
        if np.isnan(jump.ratio) or late or not _lasts(series, jump, first, end):
            continue
        _divide(series, first, jump.row, -jump.ratio)
        series.report(jump.row, f"all prices before are off by {_said(-jump.ratio)}, brought into line")


def _lasts(series: Series, jump: Jump, first: int, end: int) -> bool:
    """Tell whether the closes of the sessions after a jump stay where it led, as a spike's do not."""
    before = np.median(series.prices[max(first, jump.row - LASTING_ROWS) : jump.row, CLOSE])
    after = np.median(series.prices[jump.row : min(end, jump.row + LASTING_ROWS), CLOSE])
    return bool(abs(np.log(after / before) - jump.ratio) < abs(jump.ratio) / 2)


def _said(ratio: float) -> str:
    return f"{np.exp(ratio):.6g}" if ratio > 0 else f"1/{np.exp(-ratio):.6g}"


def _divide(series: Series, start: int, end: int, ratio: float) -> None:
    """Divide prices by a ratio, and multiply volume with it where that brings it nearer to its neighbours'.

    In doubt a split is one of the shares too, and a unit is not.
    """
    first, last = series.bounds(start)
    inside = series.volume[start:end]
    outside = np.r_[series.volume[max(first, start - VOLUME_ROWS) : start], series.volume[end:last][:VOLUME_ROWS]]
    inside, outside = inside[inside > 0][-VOLUME_ROWS:], outside[outside > 0]
    if len(inside) and len(outside):
        more = float(np.log(np.median(inside) / np.median(outside)))
        lean = -abs(ratio) / 2 if np.isclose(abs(ratio), UNITS).any() else abs(ratio) / 2
        if abs(more + ratio) < abs(more) + lean:
            series.volume[start:end] *= np.exp(ratio)
    series.prices[start:end] /= np.exp(ratio)
