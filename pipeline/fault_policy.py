"""The fault policy: a recoverable fault is counted, any other halts the engine and is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from core.errors import EngineError, Fatal, InvariantError, LedgerError, Recoverable, RequestError
from core.plain_words import plain_reason
from core.types import Cycle, Decision, StepReport, TradingState
from pipeline.engine import Engine

log = structlog.get_logger("engine")


@contextmanager
def halting_on_fatal_faults(engine: Engine) -> Iterator[None]:
    """Surround work that may send orders: the engine is halted when it breaks in a way nobody can recover from.

    Raises
    ------
    core.errors.EngineError
        What the work raised; a bug comes out as an InvariantError.
    """
    try:
        yield
    except Fatal as error:
        halt(engine, error)
        raise
    except EngineError:
        raise
    except Exception as error:
        bug = InvariantError(
            f"A bug in the engine ({type(error).__name__}: {plain_reason(error)}).",
            hint="The log has the traceback. Mend the cause, then POST /resume.",
        )
        halt(engine, bug)
        log.exception("engine.bug")
        raise bug from error


def step_under_policy(engine: Engine, cycle: Cycle, requested: Sequence[Decision] = ()) -> StepReport:
    """Step; a fault is counted, and a what-if's fault is the caller's: only a broken ledger halts on it."""
    if cycle.as_of is not None:
        return _what_if(engine, cycle)
    before = engine.faults
    try:
        with halting_on_fatal_faults(engine):
            report = engine.step(cycle, requested=requested)
    except Recoverable as error:
        engine.record_fault(error)
        raise
    if engine.faults == before:  # sending may have failed though the step did not
        engine.clear_faults()
    return report


def halt(engine: Engine, error: EngineError) -> None:
    """Send nothing more, go to HALTED and only then say why; even when the ledger cannot be written."""
    engine.sending.close()
    reason, not_recorded = str(error), ""
    try:
        engine.set_state(TradingState.HALTED, reason)
    except LedgerError as broken:
        not_recorded = str(broken)
    log.error("engine.halted", reason=reason, kind=type(error).__name__)
    if not_recorded:
        log.error("engine.halt_not_recorded", reason=not_recorded)
    alert = {"message": f"Halted. {reason}", "level": "critical"}
    engine.parts.events.publish("risk.alert", engine.parts.clock.now(), alert)


def _what_if(engine: Engine, cycle: Cycle) -> StepReport:
    try:
        return engine.step(cycle)
    except Recoverable as error:
        raise RequestError(error.message, hint=error.hint, status=422) from error
    except LedgerError as error:
        halt(engine, error)
        raise
