"""Which tickers the ensemble is trained on: those that recent scans picked most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from core.types import StepReport
from core.universe import Universe


def most_picked(
    reports: Iterable[StepReport], universe: Universe, stocks: Sequence[str], count: int
) -> tuple[str, ...]:
    """Name the stocks that were candidates or a sector's picks in most of the decisions.

    Parameters
    ----------
    reports : iterable of StepReport
        Recorded decisions, looked at one by one.
    stocks : sequence of str
        Those that may be named.

    Returns
    -------
    tuple of str
        The most picked first, equals by name; filled up sector by sector where fewer were ever picked.
    """
    allowed = set(stocks)
    picked: Counter[str] = Counter()
    for report in reports:
        analysis = report.plan.analysis
        picks = chain.from_iterable(sector.picks for sector in analysis.sectors)
        picked.update({*analysis.candidates, *picks} & allowed)
    named = sorted(picked, key=lambda stock: (-picked[stock], stock))
    rounds = zip_longest(*(sector.stocks for sector in universe.sectors.values()))
    others = [stock for stock in chain.from_iterable(rounds) if stock in allowed and stock not in picked]
    return tuple([*named, *others][:count])
