"""Adjusted closes that contradict the dividends: missing, a hundredfold, doubled by capital gains, or twice paid.

On an ex-date the factor adj_close / close steps by 1 - dividend / last close. Where the step, the dividend and
the price's own fall disagree, each possible true yield is weighed: how badly the open and the close fit it (a
Student-t of the stock's usual move), how far it is from the stock's other yields, and how many and how common
the vendor's errors are that would explain what it gave. A yield that wins clearly restates the factor of all
earlier rows; one that does not leaves the bar out.
"""

from __future__ import annotations

import numpy as np

from adapters.feeds.quality.activity import AROUND, surroundings
from adapters.feeds.quality.rows import CLOSE, OPEN, Flags, Rows, Series
from core.types import Floats

STEP_MIN = 1e-3  # below lies the rounding of adjusted closes
SAME_PCT_MAX, SAME_MIN = 0.03, 1e-3
YIELD_MAX = 0.9
YIELD_USUAL = 0.008
YIELDS_KNOWN_MIN = 2
PRIOR_MAX = 5.0
FREEDOM = 3.0
CLEAR_MARGIN = 1.0
DIFFERENCE_MIN = 0.004  # a wrong step below it leaves every earlier row within half a per cent
TWICE_DAYS_MAX = 4
TWICE_PCT_MAX = 0.2
UNIT = 100.0
IMPOSSIBLE = 1e6
PROOF_MIN = 3.0
VOTE_MAX = 10.0
GIVEN, PAID, WITH_GAINS = 0, 1, 6  # where these stand among the choices
# costs: minus the log of how often a vendor errs so, against being right
MISSING, HUNDREDFOLD, DOUBLED, OTHERWISE = 2.5, 4.0, 3.5, 6.0
UNLISTED, GAINS_APART, GAINS_WITHIN, UNIT_WRONG, NEVER_PAID, UNRELATED = 2.0, 1.5, 6.0, 3.5, 8.0, 8.0


def repair_adjustment(series: Series) -> Flags:
    """Restate factors that contradict the dividends, and mark the rows where nothing says what is right.

    Returns
    -------
    ndarray of bool, shape (m,)
        Ex-dates whose adjustment is doubtful.
    """
    doubtful = np.zeros(len(series.at), dtype=bool)
    steps = _steps(series)
    rows = np.flatnonzero((np.abs(steps) > STEP_MIN) | (series.dividend > 0) & ~series.first)
    if not len(rows):
        return doubtful
    given = steps[rows]
    true, margin = _weigh(series, rows, given)
    twice = _paid_twice(series, rows, given)
    true[twice] = 0.0
    margin[twice] = CLEAR_MARGIN
    wrong = np.abs(true - given) > np.maximum(DIFFERENCE_MIN / 4, SAME_PCT_MAX * true)
    clear = margin >= CLEAR_MARGIN
    doubtful[rows[wrong & ~clear & (np.abs(true - given) > DIFFERENCE_MIN)]] = True
    mended = wrong & clear
    _restate(series, steps, rows[mended], true[mended])
    for row, step, right in zip(rows[mended], given[mended], true[mended], strict=True):
        series.report(int(row), f"an adjustment of {step:.2%} where the dividend is {right:.2%}, restated")
    for row in np.flatnonzero(doubtful):
        series.report(int(row), "an adjustment that contradicts the dividend and the price: the bar is left out")
    return doubtful


def _steps(series: Series) -> Floats:
    """Give 1 - (factor before / factor), the yield that the vendor adjusted for; 0 in a symbol's first row."""
    before = np.concatenate([series.factor[:1], series.factor[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = 1.0 - before / series.factor
    return np.where(series.first | ~np.isfinite(steps), 0.0, steps)


def _weigh(series: Series, rows: Rows, given: Floats) -> tuple[Floats, Floats]:
    """Give the likeliest true yield of each row, and by how much it beats the next that differs (log odds)."""
    before = series.prices[rows - 1, CLOSE]
    paid, gains = series.dividend[rows] / before, series.capital_gain[rows] / before
    zero = np.zeros(len(rows))
    choices = np.stack(
        [given, paid, paid / UNIT, paid * UNIT, given / UNIT, given / 2, paid + gains, zero], axis=1
    )
    possible = (choices >= 0) & (choices < YIELD_MAX)
    choices = np.where(possible, choices, 0.0)
    listed = np.isin(series.columns[rows], np.unique(series.columns[series.dividend > 0]))
    cost = _adjusting(choices, given[:, None], gains[:, None])
    cost += _listing(choices, paid[:, None], gains[:, None], listed[:, None])
    misfit = np.where(possible, _misfit(series, rows, choices, before), VOTE_MAX)
    fit = np.where(possible, misfit + _unusual(series, rows, choices, paid, given), VOTE_MAX)
    cost += fit + _unlike(series.columns[rows], choices, fit, gains > 0, WITH_GAINS)
    cost += _unlike(series.columns[rows], choices, fit, _hundredfold(paid, given), GIVEN)
    cost = np.where(possible, cost, IMPOSSIBLE)
    best = cost.argmin(axis=1)[:, None]
    chosen = np.take_along_axis(choices, best, axis=1)
    rival = np.where(_same(choices, chosen), IMPOSSIBLE, cost).min(axis=1)
    margin = rival - np.take_along_axis(cost, best, axis=1)[:, 0]
    better = misfit[:, GIVEN] - np.take_along_axis(misfit, best, axis=1)[:, 0]
    agreed = (paid == 0) | _same(paid, given)  # nothing but the price speaks against the vendor
    unproven = agreed & (better < PROOF_MIN)
    return np.where(unproven, given, chosen[:, 0]), margin


def _same(one: Floats, other: Floats) -> Flags:
    return np.abs(one - other) <= SAME_MIN + SAME_PCT_MAX * np.maximum(np.abs(one), np.abs(other))


def _hundredfold(one: Floats, other: Floats) -> Flags:
    large, small = np.maximum(one, other), np.minimum(one, other)
    return (small > 0) & (np.abs(large / np.where(small > 0, UNIT * small, 1.0) - 1) < TWICE_PCT_MAX)


def _adjusting(true: Floats, given: Floats, gains: Floats) -> Floats:
    """Cost of the vendor's step, were a yield the true one."""
    kinds = [
        _same(true, given), np.abs(given) <= STEP_MIN, _hundredfold(true, given),
        _same(true + gains, given) & (gains > 0) | _same(2 * true, given),
    ]  # fmt: skip
    return np.select(kinds, [0.0, MISSING, HUNDREDFOLD, DOUBLED], OTHERWISE)


def _listing(true: Floats, paid: Floats, gains: Floats, listed: Flags) -> Floats:
    """Cost of the vendor's dividend, were a yield the true one."""
    included = _same(true, paid + gains) & (gains > 0)
    kinds = [
        np.where(paid > 0, np.abs(true - paid) <= SAME_PCT_MAX * paid, true == 0),
        (paid == 0) & ~listed,
        paid == 0,
        included & (paid < gains),
        included,
        _hundredfold(true, paid),
        true == 0,
    ]
    # Yahoo's dividend holds the capital gains; one smaller than them cannot
    costs = [0.0, 0.0, UNLISTED, GAINS_APART, GAINS_WITHIN, UNIT_WRONG, NEVER_PAID]
    return np.select(kinds, costs, UNRELATED)


def _unusual(series: Series, rows: Rows, choices: Floats, paid: Floats, given: Floats) -> Floats:
    """Cost of a yield that is far from the stock's other ones, as half the square of the log of their ratio."""
    usual = np.full(len(rows), YIELD_USUAL)
    sound = (paid > 0) & _same(paid, given)
    for column in np.unique(series.columns[rows]):
        own = series.columns[rows] == column
        pool = paid[own & sound]
        if len(pool) < YIELDS_KNOWN_MIN:
            pool = np.concatenate([paid[own], given[own]])
            pool = pool[(pool > STEP_MIN) & (pool < YIELD_MAX)]
        if len(pool) >= YIELDS_KNOWN_MIN:
            usual[own] = np.median(pool)
    with np.errstate(divide="ignore"):
        apart = np.log(choices / usual[:, None])
    return np.where(choices > 0, np.minimum(0.5 * apart**2, PRIOR_MAX), 0.0)


def _misfit(series: Series, rows: Rows, choices: Floats, before: Floats) -> Floats:
    """Cost of the open and the close, were a yield the true one: minus the log of a Student-t's kernel."""
    odd = np.zeros(len(series.at), dtype=bool)
    odd[rows] = True
    sigma = surroundings(series, rows, odd, looked_at=AROUND).sigma[:, None]
    out = np.zeros(choices.shape)
    for column in (OPEN, CLOSE):
        fall = 1.0 - series.prices[rows, column] / before
        off = (fall[:, None] - choices) / sigma
        out += (FREEDOM + 1) / 2 * np.log1p(off**2 / FREEDOM)
    return out / 2


def _unlike(columns: Rows, choices: Floats, fit: Floats, where: Flags, other: int) -> Floats:
    """Cost of erring otherwise than on the symbol's other days: a vendor makes one mistake of a kind throughout.

    Parameters
    ----------
    where : ndarray of bool, shape (k,)
        The days with that kind of doubt: is the dividend right as listed, or what stands at `other`?
    """
    if not where.any():
        return np.zeros(choices.shape)
    capped = np.minimum(fit, VOTE_MAX)
    own = np.where(where, capped[:, other] - capped[:, PAID], 0.0)
    votes = (np.bincount(columns, weights=own)[columns] - own)[:, None]  # above 0: the listed dividends are right
    loser = np.where(votes > 0, choices[:, [other]], choices[:, [PAID]])
    return np.where(where[:, None] & _same(choices, loser), np.minimum(np.abs(votes), OTHERWISE), 0.0)


def _paid_twice(series: Series, rows: Rows, given: Floats) -> Flags:
    """Mark the row of two like dividends within days that the price did not fall for; only one was paid."""
    out = np.zeros(len(rows), dtype=bool)
    before = series.prices[rows - 1, CLOSE]
    paid = series.dividend[rows]
    fall = 1.0 - np.minimum(series.prices[rows, OPEN], series.prices[rows, CLOSE]) / before
    for one in np.flatnonzero(np.diff(rows) <= TWICE_DAYS_MAX):
        other = one + 1
        days = (series.sessions[rows[other]] - series.sessions[rows[one]]).astype(int)
        alike = paid[one] > 0 and abs(paid[other] / paid[one] - 1) <= TWICE_PCT_MAX
        if series.columns[rows[one]] == series.columns[rows[other]] and days <= TWICE_DAYS_MAX and alike:
            phantom = one if fall[one] < fall[other] else other
            out[phantom] = given[phantom] > DIFFERENCE_MIN
    return out


def _restate(series: Series, steps: Floats, rows: Rows, true: Floats) -> None:
    """Rebuild the factor backwards from each row, with the true yield in the place of the vendor's."""
    for row, right in zip(rows[::-1], true[::-1], strict=True):
        first, _ = series.bounds(int(row))
        wanted = series.factor[row] * (1.0 - right)
        have = series.factor[row - 1]
        if have > 0 or have < 0:
            series.factor[first:row] *= wanted / have
            continue
        keep = np.cumprod((1.0 - steps[first + 1 : row])[::-1])[::-1]  # the vendor's went to zero: from its steps
        series.factor[first:row] = wanted * np.append(keep, 1.0)
