"""What a vendor gets wrong, and a crash that it gets right: scripts from one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from random import Random

from core.types import Quote

Place = tuple[int, int]
PricesAt = Callable[[Place], Mapping[str, float]]
KINDS = ("unit", "neighbour", "pre_split", "stuck", "invalid")
CRASH_EVERY = 6
TICKS_A_WEEK = 12
STUCK_POLLS_UNPROVEN = 6


@dataclass(frozen=True, kw_only=True)
class BadTick:
    """One symbol wrong in one poll.

    Attributes
    ----------
    factor : float
        Times the true price; NaN for none.
    neighbour : str
        Whose price it is instead; empty for its own.
    since : tuple of (int, int) or None
        The poll whose price it repeats; None for this one's.
    bid_above_ask : bool
        Whether its bid lies above its ask.
    """

    symbol: str
    factor: float = 1.0
    neighbour: str = ""
    since: Place | None = None
    bid_above_ask: bool = False

    def applied(self, quote: Quote, all_quotes: Mapping[str, Quote], prices: PricesAt) -> Quote:
        """Return the quote as the vendor shows it."""
        price = all_quotes[self.neighbour].price if self.neighbour else quote.price
        price = prices(self.since)[self.symbol] if self.since else price
        if self.bid_above_ask:
            return replace(quote, price=price * self.factor, bid=price * 1.2, ask=price, bid_ask_at=quote.at)
        return replace(quote, price=price * self.factor)


@dataclass(frozen=True, kw_only=True)
class Crash:
    """A true fall between two polls, as a fraction below 0."""

    symbol: str
    session: int
    poll: int
    change_pct: float


@dataclass(frozen=True, kw_only=True)
class QuoteScript:
    """A week's bad ticks, by poll, and its crash."""

    kind: str = ""
    ticks: Mapping[Place, tuple[BadTick, ...]] = field(default_factory=dict)
    crash: Crash | None = None

    def ticks_at(self, place: Place) -> tuple[BadTick, ...]:
        """Return what is wrong in a poll."""
        return self.ticks.get(place, ())

    def lagging(self, place: Place) -> set[str]:
        """Name the symbols whose price has stood still for less time than proves it stuck."""
        return {
            tick.symbol
            for tick in self.ticks_at(place)
            if tick.since is not None and place[1] - tick.since[1] <= STUCK_POLLS_UNPROVEN
        }


def script_of(seed: int, symbols: Sequence[str], *, sessions: int, polls: int) -> QuoteScript:
    """Draw a week's script: each sixth has a crash and nothing wrong, the others one kind of bad tick in turn."""
    dice = Random(f"quotes {seed}")
    if seed % CRASH_EVERY == CRASH_EVERY - 1:
        crash = Crash(
            symbol=dice.choice(symbols), session=dice.randrange(sessions), poll=dice.randrange(polls),
            change_pct=dice.uniform(-0.55, -0.08),
        )  # fmt: skip
        return QuoteScript(crash=crash)
    kind = KINDS[seed % CRASH_EVERY]
    ticks: dict[Place, list[BadTick]] = {}
    for _ in range(TICKS_A_WEEK):
        symbol, session, first = dice.choice(symbols), dice.randrange(sessions), dice.randrange(polls)
        tick, duration = DRAWN[kind](dice, symbol, symbols, (session, first))
        places = [(session, poll) for poll in range(first, min(first + duration, polls))]
        if all(other.symbol != symbol for place in places for other in ticks.get(place, ())):
            for place in places:
                ticks.setdefault(place, []).append(tick)
    return QuoteScript(kind=kind, ticks={place: tuple(wrong) for place, wrong in ticks.items()})


Drawn = tuple[BadTick, int]


def _unit(dice: Random, symbol: str, symbols: Sequence[str], place: Place) -> Drawn:
    return BadTick(symbol=symbol, factor=dice.choice((0.01, 100.0, 0.001, 1000.0))), dice.randint(1, 4)


def _neighbour(dice: Random, symbol: str, symbols: Sequence[str], place: Place) -> Drawn:
    return BadTick(symbol=symbol, neighbour=dice.choice([s for s in symbols if s != symbol])), dice.randint(1, 4)


def _pre_split(dice: Random, symbol: str, symbols: Sequence[str], place: Place) -> Drawn:
    """Draw a split that the bars know and the quote does not: forward, so it is too high, or reverse."""
    return BadTick(symbol=symbol, factor=dice.choice((1.5, 2.0, 3.0, 4.0, 20.0, 0.125, 0.1))), dice.randint(1, 6)


def _stuck(dice: Random, symbol: str, symbols: Sequence[str], place: Place) -> Drawn:
    return BadTick(symbol=symbol, since=place), dice.randint(8, 60)


def _invalid(dice: Random, symbol: str, symbols: Sequence[str], place: Place) -> Drawn:
    if dice.random() < 0.3:
        return BadTick(symbol=symbol, factor=dice.uniform(0.9, 1.1), bid_above_ask=True), dice.randint(1, 4)
    return BadTick(symbol=symbol, factor=dice.choice((nan, 0.0, -1.0))), dice.randint(1, 4)


DRAWN: Mapping[str, Callable[[Random, str, Sequence[str], Place], Drawn]] = {
    "unit": _unit,
    "neighbour": _neighbour,
    "pre_split": _pre_split,
    "stuck": _stuck,
    "invalid": _invalid,
}
