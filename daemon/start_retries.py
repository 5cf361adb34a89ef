"""How a start that failed on what may come back (a feed, a broker) is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import structlog
import tenacity

from core.errors import EngineError, Recoverable
from core.plain_words import plain_reason

log = structlog.get_logger("engine")

WAIT_SECONDS_FIRST = 1.0
WAIT_SECONDS_MAX = 60.0


def start_retries(
    stopping: threading.Event, before_wait: Callable[[Recoverable, float], None]
) -> tenacity.Retrying:
    """Return the retries of a start: after 1, 2, 4, ... seconds, at most a minute, until it is stopping.

    Parameters
    ----------
    stopping : Event
        Ends the waiting; the call that is retried then returns None.
    before_wait : callable
        Receives what failed and the seconds until the next attempt.
    """

    def before_sleep(state: tenacity.RetryCallState) -> None:
        failed = state.outcome.exception() if state.outcome else None
        if isinstance(failed, Recoverable):
            before_wait(failed, state.upcoming_sleep)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Recoverable),
        wait=tenacity.wait_exponential(multiplier=WAIT_SECONDS_FIRST, max=WAIT_SECONDS_MAX),
        stop=tenacity.stop_when_event_set(stopping),
        sleep=tenacity.sleep_using_event(stopping),
        before_sleep=before_sleep,
        retry_error_callback=_give_up,
    )


def start_alert(error: Exception, *, tried_again: bool) -> Mapping[str, str]:
    """Return the alert of a start that failed, as plain values."""
    next_steps = (
        "It tries again by itself." if tried_again else "Mend the cause (the log has more), then start it again."
    )
    return {
        "message": f"The engine has not started: {plain_reason(error)}. Until it has, nothing is traded and what "
        f"is held has only the stops that rest at the broker. {next_steps}",
        "level": "warning" if tried_again else "critical",
    }


def report_failed_start(error: Exception, publish: Callable[[Mapping[str, str]], None]) -> str:
    """Log and publish a start that failed for good, and return the reason in plain words."""
    reason = plain_reason(error)
    log.error("start.failed", reason=reason, exc_info=not isinstance(error, EngineError))
    publish(start_alert(error, tried_again=False))
    return f"The start failed: {reason}"


def report_retry(error: Recoverable, wait_seconds: float, publish: Callable[[Mapping[str, str]], None]) -> str:
    """Log and publish a start that is tried again, and return the reason in plain words."""
    log.warning("start.retry", reason=str(error), wait_seconds=wait_seconds)
    publish(start_alert(error, tried_again=True))
    return f"The start waits for what failed, and tries again: {error}"


def _give_up(_: tenacity.RetryCallState) -> None:
    """End the retries without an error: the daemon is stopping."""
