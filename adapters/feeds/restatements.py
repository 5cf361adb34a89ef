"""A vendor restates its past prices for a split or a dividend: whether what it lists explains what it did. Pure.

Two of the three witnesses of a split ratio meet here, the vendor's list and its restated history; the third, the
live price, is heard in `action_gate`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from math import inf, isfinite, log, prod
from typing import NamedTuple

import numpy as np

from adapters.feeds.rows import SymbolBars
from core.types import ActionKind, CorporateAction

TOLERANCE = 0.005  # vendors round their adjusted prices; a smaller dividend needs no explanation
UNEXPLAINED_PCT_MAX = 0.02  # below it at worst a dividend is not paid; beyond it shares may be miscounted
DIVIDEND_PCT_MAX = 0.10  # a larger one must show in the history, or it is taken for a wrong unit
MARKET_MOVE_MAX = 0.1  # as a logarithm: a ratio nearer to 1 cannot be told from a move of the market


class Restatement(NamedTuple):
    """By which factor a vendor divided its closes up to a session."""

    session: date
    factor: float


def restated(old: SymbolBars, new: SymbolBars, last: date) -> Restatement | None:
    """Compare the newest close up to a day that both have; None when there is none."""
    common, at_old, at_new = np.intersect1d(old.sessions, new.sessions, return_indices=True)
    usable = (old.table[at_old, 3] > 0) & (new.table[at_new, 3] > 0)
    usable &= common <= np.datetime64(last, "D")
    if not usable.any():
        return None
    row = int(np.flatnonzero(usable)[-1])
    factor = float(old.table[at_old[row], 3] / new.table[at_new[row], 3])
    return Restatement(common[row].astype(object), factor)


def explained_by(factor: float, pending: Sequence[CorporateAction]) -> frozenset[str] | None:
    """Return the ids of the actions whose effects make a factor; None where nothing listed makes it.

    All of them, only the splits, only the dividends, or none: a vendor may restate for one before the other.
    """
    splits = [action for action in pending if action.kind is ActionKind.SPLIT]
    dividends = [action for action in pending if action.kind is not ActionKind.SPLIT]
    for chosen in (pending, splits, dividends, []):
        expected = prod(1.0 / float(action.price_factor) for action in chosen)
        if abs(factor / expected - 1.0) <= TOLERANCE:
            return frozenset(action.action_id for action in chosen)
    return None


def agrees_with(ratio: float, price_change: float) -> bool:
    """Tell whether prices before and after are in the same shares: their change is no jump like the ratio.

    Parameters
    ----------
    ratio : float
        New shares for each old one.
    price_change : float
        A price after the split over one from before it, restated.
    """
    if not (isfinite(price_change) and price_change > 0):
        return False
    return abs(log(price_change)) <= max(abs(log(ratio)) / 2, MARKET_MOVE_MAX)


def is_continuous(bars: SymbolBars, action: CorporateAction) -> bool:
    """Tell whether bars show no jump like an action's at its ex-date; False where they do not reach over it."""
    row = int(np.searchsorted(bars.sessions, np.datetime64(action.ex_date, "D")))
    if not 0 < row < len(bars.sessions):
        return False
    before, after = float(bars.table[row - 1, 3]), float(bars.table[row, 0])
    return agrees_with(1 / float(action.price_factor), after / before if before > 0 else inf)


def must_show(action: CorporateAction) -> bool:
    """Tell whether an action counts only once the history shows it: splits, and payments too large to believe."""
    return action.kind is ActionKind.SPLIT or float(action.price_factor) < 1 - DIVIDEND_PCT_MAX


def not_shown(actions: Sequence[CorporateAction], shown: Collection[str]) -> list[CorporateAction]:
    """Keep the actions that the history must show and does not."""
    return [action for action in actions if must_show(action) and action.action_id not in shown]
