"""The corporate actions that a cache keeps beside its bars: what is listed, and what of it the bars show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
from msgspec.structs import replace

from adapters.feeds.action_table import ActionTable, Doubt
from adapters.feeds.bar_store import StoredBars
from adapters.feeds.restatements import (
    UNEXPLAINED_PCT_MAX,
    Restatement,
    explained_by,
    is_continuous,
    not_shown,
    restated,
)
from adapters.feeds.rows import SymbolBars
from core.money import to_price
from core.types import CorporateAction


def learn(stored: StoredBars, actions: Iterable[CorporateAction]) -> None:
    """Keep listed actions, each as listed last: a vendor counts old dividends in shares of after a split."""
    for action in actions:
        known = {kept.action_id: kept for kept in stored.actions.get(action.symbol, ())}
        before = known.get(action.action_id)
        if before is not None and not action.close_before:
            action = replace(action, close_before=before.close_before)  # noqa: PLW2901  # the same, with its close
        known[action.action_id] = action
        stored.actions[action.symbol] = sorted(known.values(), key=lambda kept: kept.ex_date)


def compare(stored: StoredBars, name: str, new: SymbolBars, traded_close: float | None) -> str:
    """Hold a symbol's new bars against the stored ones, and see which listed actions they are restated for.

    Parameters
    ----------
    traded_close : float or None
        The last close of the new bars as traded: the one before a dividend that goes ex after them.

    Returns
    -------
    str
        What is odd; empty when nothing is.
    """
    _add_close_before(stored, name, new, traded_close)
    pending = [action for action in stored.actions.get(name, ()) if action.action_id not in stored.shown]
    found = _restatement(stored, name, new)
    if found is None:  # the first look at it: there are no bars of before
        stored.shown.update(action.action_id for action in pending)
        return ""
    ids = explained_by(found.factor, [action for action in pending if action.ex_date > found.session])
    stored.unexplained.pop(name, None)
    if ids is None and abs(found.factor - 1) > UNEXPLAINED_PCT_MAX:
        stored.unexplained[name] = found
    else:
        stored.shown.update(ids or ())
        stored.shown.update(action.action_id for action in pending if is_continuous(new, action))
    return "" if ids is not None else _unexplained(found)


def table_of(stored: StoredBars, outdated: frozenset[str]) -> ActionTable:
    """Return what is known, and what the history leaves in doubt."""
    doubts: dict[str, Doubt] = {}
    for name, actions in stored.actions.items():
        for action in not_shown(actions, stored.shown):
            reason = f"{action.description}, lists {action.source}; its past prices are not restated for it."
            doubts.setdefault(name, Doubt(action.ex_date, reason))
    for name, found in stored.unexplained.items():
        doubts[name] = Doubt(found.session, f"{name}: {_unexplained(found)}.")
    known = tuple(action for actions in stored.actions.values() for action in actions)
    return ActionTable(
        known=known, doubts={n: d for n, d in doubts.items() if n not in outdated}, outdated=outdated
    )


def _restatement(stored: StoredBars, name: str, new: SymbolBars) -> Restatement | None:
    """Give by what the past was divided, with what was not explained before; None without bars of before."""
    old, before = stored.bars.get(name), stored.unexplained.get(name)
    if old is None or not len(old.sessions):
        return None
    last: date = before.session if before is not None else old.sessions[-1].astype(object)
    found = restated(old, new, last)
    if before is None or found is None:
        return found
    return Restatement(before.session, before.factor * found.factor)


def _unexplained(found: Restatement) -> str:
    divided = f"its past prices up to {found.session} were divided by {found.factor:.6g}"
    return f"{divided} and no listed action explains it"


def _add_close_before(stored: StoredBars, name: str, new: SymbolBars, traded_close: float | None) -> None:
    if traded_close is None or not len(new.sessions):
        return
    last = new.sessions[-1]
    stored.actions[name] = [
        replace(action, close_before=to_price(traded_close))
        if not action.close_before and action.cash_per_share and np.datetime64(action.ex_date, "D") > last
        else action
        for action in stored.actions.get(name, ())
    ]
