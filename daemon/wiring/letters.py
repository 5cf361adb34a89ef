"""Letters, wired: a session's records from the ledgers, made into a letter and kept under STATE_DIR/letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from adapters.ledger import SqliteLedger
from analysis.letter import (
    Activity,
    Execution,
    causes_of,
    costs,
    fill_lines,
    missed_stretches,
    refused_lines,
    returns_to_date,
    sent_lines,
    tomorrow_lines,
)
from analysis.letter_agents import agent_days
from backtest.replay import Recorded, inputs_of
from core.brackets import Levels
from core.cycles import RECOVER
from core.errors import RequestError
from core.letter import HeldLine, Letter, ShadowBookDay, Tracking
from core.times import NEW_YORK, market_date
from core.types import Portfolio, StepReport
from daemon.letter_page import letter_page, letter_text
from daemon.letter_store import LetterStore
from daemon.wiring.engine_factory import EngineFactory
from daemon.wiring.letter_differences import difference, same
from daemon.wiring.scoreboard import ACCOUNT
from pipeline.engine import Engine

LOOK_BACK = timedelta(days=10)
SHOWN_MAX = 20
FIRST_MOMENT = datetime(1990, 1, 1, tzinfo=NEW_YORK)
LevelsOf = Callable[[Engine], Mapping[str, Levels]]


class SessionTimes(NamedTuple):
    """A session and its hours, and where its day begins and ends in New York."""

    session: date
    opens_at: datetime
    closes_at: datetime

    @property
    def begins_at(self) -> datetime:
        """Midnight before it."""
        return datetime.combine(self.session, time.min, NEW_YORK)

    @property
    def ends_at(self) -> datetime:
        """Midnight after it."""
        return self.begins_at + timedelta(days=1)


class LetterService:
    """Implements `core.letter.LetterQueries`.

    Parameters
    ----------
    engine_of : callable
        Returns the engine; None while it is not built.
    """

    def __init__(
        self, engines: EngineFactory, engine_of: Callable[[], Engine | None], levels_of: LevelsOf
    ) -> None:
        self._engines = engines
        self._engine_of = engine_of
        self._levels_of = levels_of
        self._store = LetterStore(engines.environment.state_dir / "letters")

    def write_letter(self) -> Letter:
        """Write the letter of the last session that began, and keep it as JSON and as a page.

        Raises
        ------
        core.errors.RequestError
            503 before the engine is built; 409 when no session has begun yet.
        """
        engine = self._engine_of()
        if engine is None:
            raise RequestError("The engine is starting.", hint="GET /ready tells when it is.", status=503)
        letter = self._compose(engine, self._last_session(engine.parts.clock.now()))
        self._store.save(letter, self.page(letter))
        return letter

    def letter(self, session: str) -> Letter | None:
        """Return a letter that was written (ISO date; empty for the newest); None when there is none."""
        return self._store.read(session)

    def sessions(self) -> Sequence[str]:
        """Return the sessions that have a letter, ISO dates, newest first."""
        return self._store.sessions()

    def page(self, letter: Letter) -> str:
        """Return a letter as one HTML page without any outside file."""
        return letter_page(letter)

    def text(self, letter: Letter) -> str:
        """Return a letter as a short text for a message."""
        return letter_text(letter)

    def _last_session(self, now: datetime) -> SessionTimes:
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # heavy: imported at first use

        today = market_date(now)
        listed = [SessionTimes(*one) for one in NyseCalendar().sessions(today - LOOK_BACK, today)]
        begun = [one for one in listed if one.opens_at <= now]
        if not begun:
            raise RequestError("No session has begun.", hint="The first letter is due after a close.", status=409)
        return begun[-1]

    def _compose(self, engine: Engine, day: SessionTimes) -> Letter:
        ledger = self._engines.open_ledger()
        steps = ledger.steps_between(day.begins_at, day.ends_at)
        orders = ledger.orders_between(day.begins_at, day.ends_at)
        today = executions(ledger, day.begins_at, day.ends_at)
        to_date = executions(ledger, FIRST_MOMENT, day.ends_at)
        broker = self._engines.trading.broker
        assumed_bps = broker.spread_bps / 2 + broker.slippage_bps
        unproven = unproven_steps(ledger, steps, engine.parts.initial_cash)
        missed = tuple(missed_stretches(steps, day.opens_at, day.closes_at))
        portfolio = steps[-1].plan.portfolio if steps else engine.portfolio
        closes = self._closes(day.session)
        own = closes.get(ACCOUNT, {})
        before = [equity for session, (equity, _) in own.items() if session < day.session.isoformat()]
        paid_in = own.get(day.session.isoformat(), (0.0, 0.0))[1]
        equity = float(portfolio.equity)
        refused = refused_lines(steps, orders)
        return Letter(
            session=day.session.isoformat(),
            written_at=engine.parts.clock.now().isoformat(),
            route=self._engines.route.value,
            profile=self._engines.trading.profile,
            state=engine.state.value,
            equity=equity,
            equity_before=before[-1] if before else None,
            return_day=(equity - paid_in) / before[-1] - 1 if before else None,
            paid_in=paid_in,
            steps=len(steps),
            decisions=sum(step.cycle.kind.decides for step in steps),
            proven_steps=len(steps) - len(unproven),
            unproven=unproven[:SHOWN_MAX],
            sent=sent_lines(orders),
            refused=refused,
            fills=fill_lines(today),
            costs_day=costs(today, assumed_bps),
            costs_to_date=costs(to_date, assumed_bps),
            tracking=self._tracking(ledger, steps, day, closes, (len(refused), len(missed))),
            missed=missed,
            shadow_books=self._days(closes, day.session),
            held=held_lines(portfolio, self._levels_of(engine)),
            tomorrow=tomorrow_lines(steps, day.closes_at),
            notes=tuple(notes(steps, closes)),
            agents=agent_days(steps),
        )

    def _tracking(
        self,
        ledger: SqliteLedger,
        steps: Sequence[StepReport],
        day: SessionTimes,
        closes: Mapping[str, Mapping[str, tuple[float, float]]],
        counts: tuple[int, int],
    ) -> Tracking:
        name = self._engines.trading.profile
        other = self._engines.shadows.ledgers.get(name)
        if other is None:
            return Tracking(against="")
        twin = {(s.as_of, s.cycle.name): s for s in other.steps_between(day.begins_at, day.ends_at)}
        pairs = [(step, twin.get((step.as_of, step.cycle.name))) for step in steps if step.cycle != RECOVER]
        found = returns_to_date(closes.get(ACCOUNT, {}), closes.get(name, {}))
        first = next((difference(mine, theirs) for mine, theirs in pairs if not same(mine, theirs)), "")
        tracking = Tracking(
            against=name,
            steps=len(pairs),
            equal_steps=sum(same(mine, theirs) for mine, theirs in pairs),
            first_difference=first,
        )
        if found is None:
            return tracking
        mine, theirs, base = found
        since = _end_of(min(set(closes[ACCOUNT]) & set(closes[name])))
        activity = [
            Activity(executions(one, since, day.ends_at), one.movements_between(since, day.ends_at))
            for one in (ledger, other)
        ]
        difference_usd = (mine - theirs) * base
        return msgspec.structs.replace(
            tracking,
            account_return=mine,
            shadow_book_return=theirs,
            difference_usd=difference_usd,
            causes=causes_of(activity[0], activity[1], difference_usd, *counts),
        )

    def _closes(self, until: date) -> Mapping[str, Mapping[str, tuple[float, float]]]:
        """Return equity and payments by book and session, oldest first."""
        closes: dict[str, dict[str, tuple[float, float]]] = {}
        for close in self._engines.scores.closes():
            if close.session <= until.isoformat():
                closes.setdefault(close.name, {})[close.session] = (close.equity, close.paid_in)
        return closes

    def _days(
        self, closes: Mapping[str, Mapping[str, tuple[float, float]]], session: date
    ) -> tuple[ShadowBookDay, ...]:
        taught = {one.name: one for one in self._engines.scores.taught(session.isoformat()) if one.kind == "book"}
        return tuple(
            ShadowBookDay(
                name=name,
                equity=list(of_one.values())[-1][0],
                return_day=_return_of(of_one, session.isoformat()),
                excess_day=taught[name].excess_return if name in taught else None,
                e_value=taught[name].e_value if name in taught else None,
                state=taught[name].state if name in taught else "",
            )
            for name, of_one in sorted(closes.items())
        )


def executions(ledger: SqliteLedger, begin: datetime, end: datetime) -> tuple[Execution, ...]:
    """Return a ledger's fills with the prices their decisions stood on."""
    return tuple(Execution(fill, reference) for fill, reference in ledger.executions(begin, end))


def unproven_steps(ledger: SqliteLedger, steps: Sequence[StepReport], initial_cash: Decimal) -> tuple[str, ...]:
    """Return the decisions that do not follow from the record before them."""
    if not steps:
        return ()
    earlier = next((s for s in ledger.steps(before=steps[0].decision_id) if s.cycle.as_of is None), None)
    return tuple(
        step.decision_id
        for step, before in zip(steps, [earlier, *steps], strict=False)
        if not inputs_of(Recorded(report=step, before=before), initial_cash).proven
    )


def held_lines(portfolio: Portfolio, levels: Mapping[str, Levels]) -> tuple[HeldLine, ...]:
    """Return what is held and where it would be closed."""
    return tuple(
        HeldLine(
            symbol=symbol,
            quantity=float(held.quantity),
            last_price=float(held.last_price),
            value_usd=float(held.value),
            profit_pct=held.profit_pct,
            stop_price=_price(levels[symbol].stop_price) if symbol in levels else None,
            target_price=_price(levels[symbol].target_price) if symbol in levels else None,
        )
        for symbol, held in sorted(portfolio.positions.items())
    )


def notes(steps: Sequence[StepReport], closes: Mapping[str, object]) -> Iterator[str]:
    """Name what the letter lacks."""
    if not steps:
        yield "no step was taken in this session"
    if ACCOUNT not in closes:
        yield "no session has been closed yet; returns begin with the second close"


def _price(level: Decimal | None) -> float | None:
    return None if level is None else float(level)


def _end_of(session: str) -> datetime:
    return datetime.combine(date.fromisoformat(session) + timedelta(days=1), time.min, NEW_YORK)


def _return_of(closes: Mapping[str, tuple[float, float]], session: str) -> float | None:
    """Return a book's return in a session; None without a close of it and one before."""
    before = [equity for day, (equity, _) in closes.items() if day < session]
    if session not in closes or not before:
        return None
    equity, paid_in = closes[session]
    return (equity - paid_in) / before[-1] - 1.0
