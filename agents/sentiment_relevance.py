"""How much a story is about a stock."""

from __future__ import annotations

import re
from functools import cache

from core.types import Headline

NAMED = {
    "AAPL": "Apple", "MSFT": "Microsoft", "CRM": "Salesforce", "ORCL": "Oracle", "NVDA": "Nvidia",
    "AVGO": "Broadcom", "AMD": "Advanced Micro", "TSM": "TSMC|Taiwan Semi", "MU": "Micron", "ASML": "ASML",
    "JPM": "JPMorgan|JP Morgan", "V": "Visa", "MA": "Mastercard", "BAC": "Bank of America|BofA",
    "GS": "Goldman", "LLY": "Eli Lilly|Lilly", "UNH": "UnitedHealth", "JNJ": "Johnson & Johnson|J&J",
    "ABBV": "AbbVie", "TMO": "Thermo Fisher", "MRK": "Merck", "AMZN": "Amazon", "HD": "Home Depot",
    "MCD": "McDonald", "NKE": "Nike", "META": "Meta|Facebook", "GOOGL": "Alphabet|Google", "NFLX": "Netflix",
    "DIS": "Disney", "TMUS": "T-Mobile", "CAT": "Caterpillar", "GE": "GE Aerospace|General Electric",
    "RTX": "Raytheon", "BA": "Boeing", "UNP": "Union Pacific", "XOM": "Exxon", "CVX": "Chevron",
    "COP": "ConocoPhillips", "SLB": "Schlumberger", "WMT": "Walmart", "COST": "Costco",
    "PG": "Procter", "KO": "Coca-Cola|Coke", "PEP": "Pepsi|PepsiCo", "VRTX": "Vertex", "GILD": "Gilead",
    "AMGN": "Amgen", "REGN": "Regeneron", "TSLA": "Tesla", "COIN": "Coinbase", "SHOP": "Shopify",
    "ROKU": "Roku", "LIN": "Linde", "APD": "Air Products", "SHW": "Sherwin", "ECL": "Ecolab",
    "NEE": "NextEra", "DUK": "Duke Energy", "SO": "Southern Co", "D": "Dominion", "PLD": "Prologis",
    "AMT": "American Tower", "EQIX": "Equinix", "PSA": "Public Storage",
}  # fmt: skip
TICKER_LENGTH_MIN = 3


def relevance(symbol: str, item: Headline) -> float:
    """Weigh a story for one of its symbols, in (0, 1].

    1 when its headline names the company or the ticker (a ticker of one or two letters only as $V or (V), since
    the letters are words too), and else 1 / n for a story filed under n symbols.
    """
    return 1.0 if _mention(symbol).search(item.text) else 1.0 / max(1, len(set(item.symbols)))


@cache
def _mention(symbol: str) -> re.Pattern[str]:
    ticker = re.escape(symbol)
    plain = rf"|\b{ticker}\b" if len(symbol) >= TICKER_LENGTH_MIN else ""
    names = "|".join(re.escape(name) for name in NAMED.get(symbol, "").split("|") if name)
    named = rf"|\b(?:{names})" if names else ""
    return re.compile(rf"\${ticker}\b|[(:]\s*{ticker}\s*\){plain}{named}")
