"""Whether the daemon is well, for who runs it: a container's health check, a timer, a monitor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from cli.client import connected
from cli.output import AsJson, show

commands = typer.Typer()
EXIT_UNWELL = 1
ANSWER_SECONDS_MAX = 10.0
STARTS_WITHIN_SECONDS = 300.0
STUCK_SECONDS = 1800.0


@commands.command()
def watch(
    decision_minutes: Annotated[
        float, typer.Option(min=1, help="How old the last decision may be while the exchange is open.")
    ] = 35.0,
    as_json: AsJson = False,
) -> None:
    """Say whether the daemon is well: exit code 0 when it is, 1 when it is not, 3 when none answers."""
    with connected(ANSWER_SECONDS_MAX) as daemon:
        reasons = list(unwell(daemon.get("/health"), daemon.get("/status"), decision_minutes * 60))
    show({"well": not reasons, "reasons": reasons}, as_json, _lines)
    if reasons:
        raise typer.Exit(EXIT_UNWELL)


def unwell(health: Mapping[str, Any], status: Mapping[str, Any], decision_seconds_max: float) -> Iterator[str]:
    """Yield why the daemon is not well: what happened, what it means for the money, what to do.

    Parameters
    ----------
    health, status : mapping
        The answers of `GET /health` and `GET /status`.
    decision_seconds_max : float
        How old the last decision may be while the exchange is open and the jobs run.
    """
    if not health["ready"] and health["server_uptime"] > STARTS_WITHIN_SECONDS:
        yield (
            f"It is not ready {health['server_uptime'] / 60:.0f} minutes after its start: {health['not_ready']} "
            "Nothing is traded and no stop is watched by it. See its log."
        )
    if health["trading_state"] == "halted":
        yield (
            f"Trading is halted: {status.get('state_reason') or 'no reason is recorded'}. Nothing is bought or "
            "sold by the engine. Mend the cause, then trading-engine resume, or trading-engine flatten."
        )
    busy_seconds = health.get("engine_busy_seconds") or 0.0
    if busy_seconds > STUCK_SECONDS:
        yield (
            f"One step has run for {busy_seconds / 60:.0f} minutes: nothing else is decided and no stop is "
            "watched. Restart the daemon; the start recovers what was begun."
        )
    yield from _late(health, status, decision_seconds_max)
    if status.get("unwatched"):
        yield status["unwatched"]


def _late(health: Mapping[str, Any], status: Mapping[str, Any], decision_seconds_max: float) -> Iterator[str]:
    """Yield which jobs are late, and an old decision while there should be newer ones."""
    for what in status.get("degraded", ()):
        if what.startswith("jobs: "):
            late = what.removeprefix("jobs: ")
            yield f"{late}. Until it runs no stop is watched by it. See the jobs in trading-engine status."
    age_seconds = health["last_decision_age_seconds"]
    runs = bool((status.get("scheduler") or {}).get("enabled")) and bool(status.get("market_open"))
    if not runs or (age_seconds is not None and age_seconds <= decision_seconds_max):
        return
    age = "there is none" if age_seconds is None else f"it is {age_seconds / 60:.0f} minutes old"
    if age_seconds is None and health["server_uptime"] <= decision_seconds_max:
        return
    yield (
        f"The last decision is too old while the exchange is open ({age}): nothing new is bought or sold "
        "meanwhile. See the jobs in trading-engine status."
    )


def _lines(answer: Mapping[str, Any]) -> Iterable[object]:
    yield "well" if answer["well"] else "not well"
    yield from answer["reasons"]
