"""Which corporate actions a view may name as certain, and which symbols are frozen until one is.

A split is certain when three witnesses agree: the vendor's list, its restated history (`restatements`), and the
live price against the last close. Where they do not, or one is silent, the symbol is stale with the reason: its
position keeps its last price, nothing trades on it, until they agree or a person says what happened
(`corporate_actions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import isfinite, nan
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from adapters.feeds.action_table import ActionTable
from adapters.feeds.restatements import agrees_with
from core.money import to_price
from core.times import market_date, opening
from core.types import ActionKind, BarPanel, CorporateAction, Quote

LISTED_DAYS = 400
WHAT_TO_DO = "It is not traded until they agree, or `corporate_actions` in trading.json says what happened."


class Admitted(NamedTuple):
    """The certain actions in order of their ex-dates, and by symbol why it is frozen."""

    actions: tuple[CorporateAction, ...]
    frozen: Mapping[str, str]


class ActionGate:
    """Admits the actions of a source to its views. What the live price confirmed once stays confirmed.

    Parameters
    ----------
    said : sequence of CorporateAction
        What a person said: it replaces what a vendor lists of that symbol and day, and needs no witness.
    """

    def __init__(self, said: Sequence[CorporateAction] = ()) -> None:
        self._said = tuple(said)
        self._confirmed: set[str] = set()

    def admit(
        self, as_of: datetime, table: ActionTable, panel: BarPanel, quotes: Mapping[str, Quote]
    ) -> Admitted:
        """Sort what is known at a moment into certain and frozen."""
        frozen = dict.fromkeys(table.outdated, "a corporate action became known: its history is fetched anew")
        frozen |= {
            symbol: f"{doubt.reason} {WHAT_TO_DO}"
            for symbol, doubt in table.doubts.items()
            if not any(said.symbol == symbol and said.ex_date >= doubt.since for said in self._said)
        }
        today = market_date(as_of)
        actions = []
        for action in self._listed(table, today):
            reason = frozen.get(action.symbol) or self._doubt(action, as_of, panel, quotes)
            if not reason:
                actions.append(_with_close(action, panel))
            elif action.symbol not in frozen:
                frozen[action.symbol] = reason
        return Admitted(tuple(actions), frozen)

    def _listed(self, table: ActionTable, today: date) -> list[CorporateAction]:
        replaced = {(said.symbol, said.ex_date) for said in self._said}
        vendors = (action for action in table.known if (action.symbol, action.ex_date) not in replaced)
        first = today - timedelta(days=LISTED_DAYS)
        listed = [action for action in (*vendors, *self._said) if first <= action.ex_date <= today]
        return sorted(listed, key=lambda action: (action.ex_date, action.action_id))

    def _doubt(
        self, action: CorporateAction, as_of: datetime, panel: BarPanel, quotes: Mapping[str, Quote]
    ) -> str:
        """Say why an action cannot be booked yet; empty when it can."""
        if as_of < opening(action.ex_date):
            return f"{action.description}: its last price is from before"
        if action.kind is not ActionKind.SPLIT or action in self._said or action.action_id in self._confirmed:
            return ""
        if len(panel.sessions) and panel.dates[len(panel.sessions) - 1] >= action.ex_date:
            return ""  # a session in new shares is over, and the history was found to be on them
        quote, close = quotes.get(action.symbol), _last_close(panel, action.symbol)
        if quote is None:
            return f"{action.description}: no live price in new shares is believed yet. {WHAT_TO_DO}"
        if not agrees_with(float(action.ratio), quote.price / close):
            return (
                f"{action.description}, says the list; the live price {quote.price:g} against the last close "
                f"{close:g} contradicts it. {WHAT_TO_DO}"
            )
        self._confirmed.add(action.action_id)
        return ""


def _with_close(action: CorporateAction, panel: BarPanel) -> CorporateAction:
    """Add the last close before a payment where nobody gave it."""
    if action.close_before or not action.cash_per_share:
        return action
    row = int(np.searchsorted(panel.sessions, np.datetime64(action.ex_date, "D"))) - 1
    column = panel.column.get(action.symbol)
    close = float(panel.close[row, column]) if column is not None and row >= 0 else nan
    return replace(action, close_before=to_price(close)) if isfinite(close) else action


def _last_close(panel: BarPanel, symbol: str) -> float:
    column = panel.column.get(symbol)
    return float(panel.close[-1, column]) if column is not None and len(panel.sessions) else nan
