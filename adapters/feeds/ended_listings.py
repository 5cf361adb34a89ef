"""Stocks whose recorded bars end while the market goes on: acquired, delisted, or no longer recorded.

A position in one could never be sold, and its last price would be carried for ever.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from core.money import to_price
from core.types import ActionKind, BarPanel, CorporateAction

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
