"""The quality of daily bars: what a vendor got wrong is restated where that is certain, or left out.

`restate` works on a vendor's rows before they become a panel: it has the whole history and the corporate actions.
`inspect` is the gate that every panel passes: causal, row by row.
"""

from adapters.feeds.quality.inspection import RECENT_SESSIONS, Inspection, RowQuality, inspect, too_many_missing
from adapters.feeds.quality.restate import Restated, restate, restate_tables
from adapters.feeds.quality.rows import VendorRows

__all__ = [
    "RECENT_SESSIONS",
    "Inspection",
    "Restated",
    "RowQuality",
    "VendorRows",
    "inspect",
    "restate",
    "restate_tables",
    "too_many_missing",
]  # fmt: skip
