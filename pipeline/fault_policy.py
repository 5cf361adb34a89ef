"""What a failure does to the engine: a recoverable one is counted, any other halts it and is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from core.errors import EngineError, Fatal, InvariantError, LedgerError, Recoverable, RequestError
from core.types import Cycle, StepReport, TradingState
from pipeline.engine import Engine

Result = TypeVar("Result")
log = structlog.get_logger("engine")


def guarded(engine: Engine, work: Callable[[], Result]) -> Result:
    """Run work that may send orders; halt the engine when it breaks in a way nobody can recover from.

    Raises
    ------
    core.errors.EngineError
        What the work raised; a bug comes out as an InvariantError.
    """
    try:
        return work()
    except Fatal as error:
        halt(engine, error)
        raise
    except EngineError:
        raise
    except Exception as error:
        bug = InvariantError(
            f"An unexpected {type(error).__name__} ({error}): a bug in the engine.",
            hint="The log has the traceback. Mend the cause, then POST /resume.",
        )
        log.exception("engine.bug")
        halt(engine, bug)
        raise bug from error


def guarded_step(engine: Engine, cycle: Cycle) -> StepReport:
    """Step; a fault is counted, and a what-if's fault is the asker's: only a broken ledger halts on it."""
    if cycle.as_of is not None:
        return _what_if(engine, cycle)
    before = engine.faults
    try:
        report = guarded(engine, lambda: engine.step(cycle))
    except Recoverable as error:
        engine.fault(error)
        raise
    if engine.faults == before:  # sending may have failed though the step did not
        engine.faults = 0
    return report


def halt(engine: Engine, error: EngineError) -> None:
    """Send nothing more, go to HALTED and say why; even when the ledger cannot be written."""
    engine.stop_sending.set()
    reason = f"{type(error).__name__}: {error}"
    log.error("engine.halted", reason=reason)
    engine.parts.events.publish("risk.alert", engine.parts.clock.now(), {"message": f"Halted. {reason}"})
    try:
        engine.set_state(TradingState.HALTED, reason)
    except LedgerError as broken:
        log.error("engine.halt_not_recorded", reason=str(broken))


def _what_if(engine: Engine, cycle: Cycle) -> StepReport:
    try:
        return engine.step(cycle)
    except Recoverable as error:
        raise RequestError(error.message, hint=error.hint, status=422) from error
    except LedgerError as error:
        halt(engine, error)
        raise
