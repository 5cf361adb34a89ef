"""Stocks whose bars end while the market goes on: acquired, delisted, or no longer recorded.

A position in one could never be sold, and its last price would be carried for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from core.money import to_price
from core.times import opening
from core.types import ActionKind, BarPanel, CorporateAction, Quote

SILENT_SESSIONS = 10
SOURCE = "bars that ended"


def ended_listings(panel: BarPanel) -> tuple[tuple[int, CorporateAction], ...]:
    """Return each listing that ended, with the row at whose close that was known, in order.

    A stock without a bar for ten sessions in a row is taken as delisted at its last close; what a buyer paid is
    not in the bars. One that comes back later may be bought again.
    """
    has_bar = np.isfinite(panel.close)
    rows = np.arange(len(panel.sessions))[:, None]
    newest = np.maximum.accumulate(np.where(has_bar, rows, -1), axis=0)
    found = np.argwhere((newest >= 0) & (rows - newest == SILENT_SESSIONS))
    return tuple(
        (int(row), _delisting(panel, int(row), int(column), int(newest[row, column]))) for row, column in found
    )


class LiveListings:
    """Which listings of a live feed have ended, by the bars that it fetched last.

    A vendor may lack what still trades. So a stock with a quote since is no ended listing, and where more than
    `share_max` of the stocks fall silent in the same session it is the vendor that is.
    """

    def __init__(self, panel: BarPanel, share_max: float) -> None:
        found = ended_listings(panel)
        silent = Counter(row for row, _ in found)
        self._ended = [one for one in found if silent[one[0]] <= max(1.0, share_max * len(panel.symbols))]

    def until(self, rows: int, quotes: Mapping[str, Quote]) -> tuple[CorporateAction, ...]:
        """Return what is known after so many sessions to have ended, oldest first.

        Parameters
        ----------
        quotes : mapping of str to Quote
            The last ones given, believed or not.
        """
        return tuple(
            action
            for row, action in self._ended
            if row < rows and not ((quote := quotes.get(action.symbol)) and quote.at >= opening(action.ex_date))
        )


def _delisting(panel: BarPanel, row: int, column: int, last: int) -> CorporateAction:
    close: Decimal = to_price(float(panel.close[last, column]))
    return CorporateAction(
        symbol=panel.symbols[column],
        kind=ActionKind.DELISTING,
        ex_date=panel.dates[row],
        cash_per_share=close,
        close_before=close,
        source=SOURCE,
    )
