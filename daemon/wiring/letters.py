"""Letters, wired: a session's records from the ledgers, made into a letter and kept under STATE_DIR/letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, pairwise
from typing import NamedTuple

from adapters.ledger import SqliteLedger
from analysis.letter import (
    costs,
    doubts,
    fill_lines,
    missed_stretches,
    refused_lines,
    sent_lines,
    stale_steps,
    tomorrow_lines,
)
from analysis.letter_agents import agent_days
from analysis.tracking import Closes
from backtest.replay import Recorded, inputs_of
from core.brackets import Levels
from core.errors import RequestError
from core.letter import HeldLine, Letter, Tracking
from core.protection import PositionProtection
from core.times import NEW_YORK, market_date
from core.types import Portfolio, StepReport
from daemon.letter_page import letter_page, letter_text
from daemon.letter_store import LetterStore
from daemon.wiring.engine_factory import EngineFactory
from daemon.wiring.letter_shadows import closes_until, marks_of, return_of, shadow_days
from daemon.wiring.letter_tracking import Kept, executions, tracking_of
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
        gaps = tuple(missed_stretches(steps, day.opens_at, day.closes_at))
        portfolio = steps[-1].plan.portfolio if steps else engine.portfolio
        session = day.session.isoformat()
        marks = marks_of(self._engines, portfolio, ledger.paid_in_total())
        closes = closes_until(self._engines, session, marks)
        own = closes.get(ACCOUNT, {})
        before = [equity for day_before, (equity, _) in own.items() if day_before < session]
        paid_in = own.get(session, (0.0, 0.0))[1]
        equity = float(portfolio.equity)
        return Letter(
            session=session,
            written_at=engine.parts.clock.now().isoformat(),
            route=self._engines.route.value,
            profile=self._engines.trading.profile,
            state=engine.state.value,
            equity=equity,
            equity_before=before[-1] if before else None,
            return_day=return_of(own, session),
            paid_in=paid_in,
            steps=len(steps),
            decisions=sum(step.cycle.kind.decides for step in steps),
            proven_steps=len(steps) - len(unproven),
            unproven=unproven[:SHOWN_MAX],
            sent=sent_lines(orders),
            refused=refused_lines(steps, orders),
            fills=fill_lines(today, assumed_bps),
            costs_day=costs(today, assumed_bps),
            costs_to_date=costs(to_date, assumed_bps),
            tracking=self._tracking(Kept(ledger, own, steps), closes, day, len(gaps)),
            missed=(*gaps, *doubts(steps, day.opens_at, day.closes_at)),
            shadow_books=shadow_days(self._engines, closes, session),
            held=held_lines(portfolio, self._levels_of(engine), engine.parts.protection.by_symbol()),
            tomorrow=tomorrow_lines(steps, day.closes_at),
            notes=tuple(notes(steps, closes)),
            agents=agent_days(steps),
        )

    def _tracking(self, account: Kept, closes: Mapping[str, Closes], day: SessionTimes, missed: int) -> Tracking:
        """Return the difference to the shadow book of the account's profile, where there is one."""
        name = self._engines.trading.profile
        ledger = self._engines.shadows.ledgers.get(name)
        if ledger is None:
            return Tracking(against="")
        other = Kept(ledger, closes.get(name, {}), ledger.steps_between(day.begins_at, day.ends_at))
        stale = stale_steps(account.steps, day.opens_at, day.closes_at)
        return tracking_of(account, other, name, day.ends_at, missed, stale)


def unproven_steps(ledger: SqliteLedger, steps: Sequence[StepReport], initial_cash: Decimal) -> tuple[str, ...]:
    """Return the decisions that do not follow from the record before them."""
    if not steps:
        return ()
    earlier = next((s for s in ledger.steps(before=steps[0].decision_id) if s.cycle.as_of is None), None)
    return tuple(
        step.decision_id
        for before, step in pairwise(chain([earlier], steps))
        if step is not None and not inputs_of(Recorded(report=step, before=before), initial_cash).proven
    )


def held_lines(
    portfolio: Portfolio, levels: Mapping[str, Levels], protection: Mapping[str, PositionProtection]
) -> tuple[HeldLine, ...]:
    """Return what is held, where it would be closed, and who holds its stop."""
    return tuple(
        HeldLine(
            symbol=symbol,
            quantity=float(held.quantity),
            last_price=float(held.last_price),
            value_usd=float(held.value),
            profit_pct=held.profit_pct,
            stop_price=_price(levels[symbol].stop_price) if symbol in levels else None,
            target_price=_price(levels[symbol].target_price) if symbol in levels else None,
            stop_rests_at=protection[symbol].rests_at if symbol in protection else "",
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
