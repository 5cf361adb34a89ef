"""How tickers are spelt: in capitals, a share class after a dot (BRK.B), as the exchange and Alpaca have it."""

from __future__ import annotations

import re

SHARE_CLASS = re.compile(r"([A-Z]+)[-/]([A-Z])")


def spelt(ticker: str) -> str:
    """Return a ticker as the engine spells it, from any vendor's spelling: BRK-B, BRK/B and brk.b are BRK.B."""
    plain = ticker.strip().upper()
    shares = SHARE_CLASS.fullmatch(plain)
    return f"{shares[1]}.{shares[2]}" if shares else plain


def with_dash(ticker: str) -> str:
    """Return a ticker as Yahoo spells it: BRK-B."""
    return ticker.replace(".", "-")
