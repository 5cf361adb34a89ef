"""`python -m tests.simulation.bad_quotes --weeks 1000`: seeded weeks of quotes, with bad ticks and with crashes.

The real daily feed, engine, risk rules, ledger and paper broker hold ten stocks for five sessions, polled every
five minutes. The true prices are known, so the laws need no judgement:

- no quote that a step saw, no fill and no peak lies further from what was true than prices move between polls;
- a bad tick halts and reduces nothing that the same week without it does not;
- after a crash each stop is sold at most one poll later than the true price crossed it.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from math import isfinite

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.daily_feed import DailyFeed
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from config.broker import BrokerSettings
from config.environment import OrderRoute
from config.risk import RiskSettings
from config.trading import DataSettings
from core.cycles import DECIDE, RISK_CHECK
from core.types import (
    Action,
    BarPanel,
    Cycle,
    Decision,
    Floats,
    MarketAnalysis,
    MarketView,
    Portfolio,
    Quote,
    Side,
    StepReport,
    TradingState,
)
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullEventBus, NullMemory, no_events
from risk.levels import protective_levels
from risk.manager import RuleBasedRiskManager
from tests.default_universe import BENCHMARK, SECTOR_OF
from tests.simulation.bad_ticks import Crash, Place, QuoteScript, script_of

CALENDAR = NyseCalendar()
SYMBOLS = ("AAPL", "AMZN", "CAT", "JPM", "LLY", "NEE", "NVDA", "PLD", "WMT", "XOM")
NAMES = (*SYMBOLS, BENCHMARK)
HISTORY, SESSIONS, POLL = 80, 5, timedelta(minutes=5)
POLLS = 78
FIRST = date(2024, 5, 6)
TRUTH_TOLERANCE_PCT = 0.011
"""A wrong price closer than this to the true one is within what a stock moves between two polls."""
BUY, BUYS_AT = replace(DECIDE, submits=True), (0, 39)
"""The polls of a session that buy; every other is a risk check."""
LIMITS = RiskSettings()


@cache
def calendar_days() -> Sequence[tuple[date, datetime, datetime]]:
    """Return the sessions before the week and those of it."""
    before = CALENDAR.sessions(FIRST - timedelta(days=2 * HISTORY), FIRST - timedelta(days=1))[-HISTORY:]
    return [*before, *CALENDAR.sessions(FIRST, FIRST + timedelta(days=14))[:SESSIONS]]


class TrueMarket:
    """Prices at each poll, (sessions, POLLS, names), and the daily bars they make."""

    def __init__(self, seed: int, crash: Crash | None) -> None:
        dice = np.random.default_rng(seed)
        daily = dice.uniform(0.008, 0.022, len(NAMES))
        shape = (len(calendar_days()), POLLS, len(NAMES))
        moves = dice.normal(0, 1, shape) * daily * 0.85 / np.sqrt(POLLS)
        moves[:, 0] = dice.normal(0, 1, moves[:, 0].shape) * daily * 0.5
        if crash is not None:
            moves[HISTORY + crash.session, crash.poll, SYMBOLS.index(crash.symbol)] += np.log1p(crash.change_pct)
        start = np.log(dice.uniform(30, 600, len(NAMES)))
        self.paths: Floats = np.exp(start + moves.reshape(-1, len(NAMES)).cumsum(axis=0)).reshape(shape).round(2)

    def panel(self) -> BarPanel:
        """Return the daily bars; a session trades in proportion to its range and its gap, as a crash does."""
        days, paths = calendar_days(), self.paths
        before = np.vstack([paths[:1, 0], paths[:-1, -1]])
        moved = np.log(np.maximum(paths.max(axis=1), before) / np.minimum(paths.min(axis=1), before))
        return BarPanel(
            sessions=np.array([day for day, *_ in days], dtype="datetime64[D]"),
            known_at=np.array([closes.replace(tzinfo=None) for *_, closes in days], dtype="datetime64[us]"),
            symbols=NAMES, open=paths[:, 0], high=paths.max(axis=1), low=paths.min(axis=1),
            close=paths[:, -1], volume=3e8 * moved,
        )  # fmt: skip

    def prices(self, place: Place) -> Mapping[str, float]:
        """Return the true prices of a poll of the week."""
        return dict(zip(NAMES, self.paths[HISTORY + place[0], place[1]].tolist(), strict=True))


class ScriptedVendor:
    """Implements `adapters.feeds.source.Source`: the true market, shown wrong where the script says."""

    name = "vendor"
    publication_delay = timedelta(0)
    replays_quotes = False

    def __init__(self, market: TrueMarket, script: QuoteScript) -> None:
        self.notes: Mapping[str, str] = {}
        self.place = (0, 0)
        self._panel = market.panel()
        self._market, self._script = market, script

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions until the end."""
        return self._panel.prefix(
            int(np.searchsorted(self._panel.sessions, np.datetime64(end, "D"), side="right"))
        )

    def actions(self) -> ActionTable:
        return NO_ACTIONS

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Give the quotes of the poll that the simulation stands at."""
        true = self._market.prices(self.place)
        quotes = {name: Quote(symbol=name, price=price, at=at) for name, price in true.items()}
        for tick in self._script.ticks_at(self.place):
            quotes[tick.symbol] = tick.applied(quotes[tick.symbol], quotes, self._market.prices)
        return quotes

    def recorded_end(self) -> None:
        """Give no end."""


class BuyThenHold:
    """Implements `core.ports.Team`: buys every stock once; only the exit rules sell."""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the mean true range of 14 sessions, and nothing else."""
        bars = view.bars
        high, low, before = bars.high[-14:], bars.low[-14:], bars.close[-15:-1]
        ranges = np.maximum(high, before) - np.minimum(low, before)
        atr = dict(zip(bars.symbols, ranges.mean(axis=0).tolist(), strict=True))
        return MarketAnalysis(atr={name: r for name, r in atr.items() if isfinite(r)}, candidates=SYMBOLS)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Enter what is watched, in a cycle that decides."""
        if not cycle.kind.decides:
            return ()
        return tuple(
            Decision(
                symbol=name, action=Action.ENTER, score=0.9, confidence=0.9, rule="score", p_win=0.6,
                target_weight=0.07,
            )
            for name in SYMBOLS
        )  # fmt: skip

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: object) -> MarketAnalysis:
        """Return what there is."""
        return analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One poll: where it stands, what its step reported, and what was true."""

    place: Place
    report: StepReport
    quotes: Mapping[str, Quote]
    true: Mapping[str, float]


def live(seed: int, script: QuoteScript, *, sessions: int = SESSIONS) -> list[Moment]:
    """Run one week and return its polls."""
    market = TrueMarket(seed, script.crash)
    vendor, clock = ScriptedVendor(market, script), ManualClock(calendar_days()[HISTORY][1])
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    feed = DailyFeed(vendor, CALENDAR, NAMES, DataSettings(history_years=2))
    parts = EngineDependencies(
        clock=clock, feed=feed, broker=PaperBroker(BrokerSettings(), clock, InMemoryPaperStore()), ledger=ledger,
        team=BuyThenHold(),
        risk=RuleBasedRiskManager(lambda: LIMITS, SECTOR_OF, fractional_shares=True, cost_bps=3.5),
        events=NullEventBus(), publish_events=no_events, memory=NullMemory(),
        config_digest=lambda: "quotes", refresh_limits=lambda: (), route="paper", initial_cash=Decimal(100_000),
    )  # fmt: skip
    engine, moments = Engine(parts), []
    for session in range(sessions):
        opens = calendar_days()[HISTORY + session][1]
        for poll in range(POLLS):
            vendor.place = session, poll
            clock.set(opens + poll * POLL)
            report = engine.step(BUY if poll in BUYS_AT else RISK_CHECK)
            view = engine.last_view
            assert view is not None
            moments.append(
                Moment(place=vendor.place, report=report, quotes=view.quotes, true=market.prices(vendor.place))
            )
    ledger.close()
    return moments


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a week showed; `broken` names each law it broke."""

    seed: int
    kind: str
    broken: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def run(seed: int) -> Outcome:
    """Run one seed's week: every sixth has a crash, the others each one kind of bad tick in turn."""
    script = script_of(seed, SYMBOLS, sessions=SESSIONS, polls=POLLS)
    week = live(seed, script)
    counts = Counter(
        polls=len(week),
        entries=sum(f.side is Side.BUY for m in week for f in m.report.fills),
        exits=sum(f.side is Side.SELL for m in week for f in m.report.fills),
        bad=sum(len(script.ticks_at(m.place)) for m in week),
        doubted=sum(len(m.report.stale) for m in week),
        honest_doubted=sum(len(set(m.report.stale) - {t.symbol for t in script.ticks_at(m.place)}) for m in week),
    )
    counts.update(_crash_counts(week, script.crash))
    broken = [*_untrue(week, script), *(_late_stops(week) if script.crash else _stopped(seed, week))]
    return Outcome(
        seed=seed, kind="crash" if script.crash else script.kind, broken=tuple(broken[:5]), counts=counts
    )


def _untrue(week: Sequence[Moment], script: QuoteScript) -> list[str]:
    """Name every price acted on that was not true."""
    out, peaks = [], dict.fromkeys(NAMES, 0.0)
    for moment in week:
        lagging = script.lagging(moment.place)
        for name, true in moment.true.items():
            peaks[name] = max(peaks[name], true)
            quote = moment.quotes.get(name)
            if quote is not None and name not in lagging and abs(quote.price / true - 1) > TRUTH_TOLERANCE_PCT:
                out.append(f"{moment.place} {name}: {quote.price} believed, {true} true")
        for tick in script.ticks_at(moment.place):
            if tick.since is not None and tick.symbol not in lagging and tick.symbol in moment.quotes:
                out.append(f"{moment.place} {tick.symbol}: believed though it has stood since {tick.since}")
        for fill in moment.report.fills:
            true = moment.true[fill.symbol]
            at_close = fill.at < moment.report.as_of - POLL  # a bracket, by the daily bar of the session before
            if at_close or fill.symbol in lagging:
                continue
            if abs(float(fill.price) / true - 1) > TRUTH_TOLERANCE_PCT:
                out.append(f"{moment.place} {fill.symbol}: filled at {fill.price}, {true} true")
        for name, held in moment.report.plan.portfolio.positions.items():
            if float(held.peak_price) > peaks[name] * (1 + TRUTH_TOLERANCE_PCT):
                out.append(f"{moment.place} {name}: peak {held.peak_price}, {peaks[name]} true")
    return out


def _stopped(seed: int, week: Sequence[Moment]) -> list[str]:
    """Name a state that the week without its bad ticks does not reach."""
    if week[-1].report.plan.state is TradingState.ACTIVE:
        return []
    clean = live(seed, QuoteScript())
    states = (week[-1].report.plan.state, clean[-1].report.plan.state)
    return [] if states[0] is states[1] else [f"{states[0]} where the clean week ends {states[1]}"]


def _crash_counts(week: Sequence[Moment], crash: Crash | None) -> Mapping[str, int]:
    """Count whether what crashed was held, and after how many polls its sale was approved."""
    if crash is None:
        return {}
    first = crash.session * POLLS + crash.poll
    if not first or crash.symbol not in week[first - 1].report.plan.portfolio.positions:
        return {"crash_not_held": 1}
    for late, moment in enumerate(week[first:]):
        if any(a.order.symbol == crash.symbol and a.order.side is Side.SELL for a in moment.report.plan.approved):
            return {f"crash_sold_after_{late}": 1}
    return {"crash_never_sold": 1}


def _late_stops(week: Sequence[Moment]) -> list[str]:
    """Name every stop that was sold later than one poll after the true price crossed it."""
    out = []
    for now, after in pairwise(week):
        sold = {a.order.symbol for m in (now, after) for a in m.report.plan.approved if a.order.side is Side.SELL}
        going = {order.symbol for order in now.report.plan.portfolio.pending}
        atr = now.report.plan.analysis.atr
        for name, held in now.report.plan.portfolio.positions.items():
            levels = protective_levels(held, atr.get(name), LIMITS.risk_check)
            stop = levels.stop_price
            crossed = stop is not None and now.true[name] <= float(stop) and after.true[name] <= float(stop)
            halted = now.report.plan.state is TradingState.HALTED
            if crossed and name not in sold | going and not halted:
                out.append(f"{now.place} {name}: {now.true[name]} at or below {stop}, not sold by the next poll")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    began = time.perf_counter()
    logging.disable(logging.WARNING)
    seeds = range(asked.first, asked.first + asked.weeks)
    with ProcessPoolExecutor(asked.jobs) as pool:
        outcomes = list(pool.map(run, seeds, chunksize=8))
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
        for law in outcome.broken:
            print(f"seed {outcome.seed} ({outcome.kind}): {law}")
    kinds = Counter(outcome.kind for outcome in outcomes)
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"weeks": len(outcomes), "broken": broken, "kinds": kinds, **total, "seconds": seconds}))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
