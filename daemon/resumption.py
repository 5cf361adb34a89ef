"""A person's resume: what was found to differ is accepted as far as it is named, then trading goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from core.cycles import SETTLE
from core.errors import Recoverable
from core.reconciliation import Resumption
from core.types import Cycle, StepReport
from pipeline.engine import Engine
from pipeline.reconciliation import Recovery, accept, take_over_named
from pipeline.take_over import offers

log = structlog.get_logger("engine")
BY_A_PERSON = "resumed by a person"


def resume_engine(
    engine: Engine,
    found: Recovery | None,
    names: Sequence[str],
    halt_requests: int,
    step: Callable[[Engine, Cycle], StepReport],
) -> tuple[Recovery | None, Resumption]:
    """Go back to ACTIVE, unless a halt was asked for later; losses are measured from here on.

    Parameters
    ----------
    names : sequence of str
        What is taken over as the account has it; nothing else is.
    halt_requests : int
        How often a halt had been asked for when the resume was.
    step : callable
        Takes a step, which writes the portfolio down, so that a restart knows it too.
    """
    accepted, taken = accept(engine, found), take_over_named(engine, names) if names else {}
    engine.sending.open(halt_requests)
    engine.resume(BY_A_PERSON)
    engine.parts.account_check.doubt()
    try:
        step(engine, SETTLE)
    except Recoverable as error:
        log.warning("resume.book_not_written", reason=str(error))
    return accepted, Resumption(taken_over=taken, offered=offers(engine.portfolio.account))
