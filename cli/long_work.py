"""Long work in the daemon's child processes: begun, followed with its progress, answered."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.client import EngineClient, ProblemError, connected
from cli.output import AsJson, facts, percent, rows, show

POLL_SECONDS = 0.5
commands = typer.Typer()
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Begin it and name the job; trading-engine jobs ID shows it.")
]


@commands.command()
def train(
    tickers: Annotated[list[str] | None, typer.Argument(help="Left out: those that recent scans picked.")] = None,
    timesteps: Annotated[int | None, typer.Option(help="Steps a member and seed.")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Train the RL ensemble."""
    _follow("/train", {"tickers": tickers or None, "timesteps": timesteps}, no_wait, as_json)


@commands.command()
def retrain(no_wait: NoWait = False, as_json: AsJson = False) -> None:
    """Train the ranker on 18 months; it is promoted only if it measures better."""
    _follow("/quant/retrain", {}, no_wait, as_json)


@commands.command()
def backtest(
    start: Annotated[str | None, typer.Option(help="First session, such as 2024-01-02.")] = None,
    end: Annotated[str | None, typer.Option(help="Last session.")] = None,
    strategy: Annotated[str, typer.Option(help="`pipeline`, or `quant_v8`: the ranker alone.")] = "pipeline",
    profile: Annotated[str | None, typer.Option(help="Left out: the daemon's.")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Walk a strategy forward over the daemon's own bars: minutes."""
    asked = {"start": start, "end": end, "strategy": strategy, "profile": profile}
    _follow("/backtest", asked, no_wait, as_json)


@commands.command()
def jobs(
    job_id: Annotated[str, typer.Argument(help="One job; left out: all since the start.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what runs by itself, and long jobs with their progress."""
    with connected() as daemon:
        if job_id:
            show(daemon.get(f"/jobs/{job_id}"), as_json, _job)
        else:
            show(daemon.get("/jobs"), as_json, _jobs)


def _follow(path: str, body: Mapping[str, Any], no_wait: bool, as_json: bool) -> None:
    """Begin a job and, unless told not to wait, show its progress until it ends.

    Raises
    ------
    ProblemError
        When it failed.
    """
    with connected() as daemon:
        job = daemon.post(path, body, wait=False)
        if not no_wait:
            sys.stderr.write(f"{job['job_id']} goes on by itself; Ctrl-C leaves it running\n")
            job = _finished(daemon, job)
        if job["status"] == "failed":
            reason = (job["error"].strip().splitlines() or ["no reason given"])[-1]
            hint = f"trading-engine jobs {job['job_id']} --json has the whole error."
            raise ProblemError({"detail": f"{job['kind']} failed: {reason}", "hint": hint})
        show(job, as_json, _job)


def _finished(daemon: EngineClient, job: Mapping[str, Any]) -> Mapping[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(job["kind"], total=1.0, said="")
        while job["status"] == "running":
            progress.update(task, completed=job["progress"], said=job["message"])
            time.sleep(POLL_SECONDS)
            job = daemon.get(f"/jobs/{job['job_id']}")
    return job


def _job(job: Mapping[str, Any]) -> Iterable[object]:
    yield f"{job['job_id']}: {job['status']} {job['progress']:.0%} {job['message']}".rstrip()
    if job["error"]:
        yield job["error"]
    yield facts("", {name: value for name, value in job["result"].items() if not isinstance(value, list | dict)})


def _jobs(answer: Mapping[str, Any]) -> Iterable[object]:
    timetable = answer["scheduler"]
    yield rows(
        "by itself" if timetable["enabled"] else "by itself (off: ENABLE_CRON=true starts them)",
        ("job", "when", "last run", "outcome", "next run", "skipped"),
        (
            (
                job["name"], job["schedule"], job["last_run_at"], job["last_outcome"], job["next_run_at"],
                job["skipped_reason"],
            )
            for job in timetable["jobs"]
        ),
    )  # fmt: skip
    yield rows(
        "long work",
        ("job", "status", ">progress", "message"),
        ((job["job_id"], job["status"], percent(job["progress"]), job["message"]) for job in answer["jobs"]),
    )
