"""`trading-engine doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.doctor.findings import Finding, Verdict, unused
from cli.output import AsJson, rows, show

commands = typer.Typer()


@commands.command()
def doctor(
    live: Annotated[bool, typer.Option("--live", help="Walk through the switches for real money.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the installation, the settings and what they ask for; say what to do about each fault."""
    if live:
        _walk_switches(as_json)
        return
    findings = [finding._asdict() for finding in examine(os.environ)]
    show(findings, as_json, _table)
    if any(finding["verdict"] == Verdict.FAULT for finding in findings):
        raise typer.Exit(1)


def examine(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Run every check that the settings allow."""
    from cli.doctor import machine, services  # noqa: PLC0415  # they load the settings, and numpy with them
    from cli.doctor.switches import read_settings  # noqa: PLC0415  # with them

    yield machine.python()
    yield from machine.packages()
    settings = read_settings(variables)
    yield from settings.findings
    yield machine.port(variables)
    yield machine.exchange(datetime.now(UTC))
    if settings.environment is None:
        state = Path(variables.get("STATE_DIR", "").strip() or "state").absolute()
        yield machine.disk(state)
        yield from machine.permissions(state, state / "models")
        yield unused(
            "services",
            "keys, Neo4j and Yahoo are not looked at: the environment cannot be read",
            "Mend it first.",
        )
    else:
        yield machine.disk(settings.environment.state_dir)
        yield from machine.permissions(settings.environment.state_dir, settings.environment.artefact_dir)
        yield from services.broker(settings.environment)
        yield services.neo4j(settings.environment)
        if settings.environment.provider in ("auto", "yfinance"):
            yield from services.yahoo()
    yield services.finbert(variables)
    yield services.openclaw()


def _walk_switches(as_json: bool) -> None:
    from cli.doctor.switches import live_lines, read_settings  # noqa: PLC0415  # it loads the settings

    settings = read_settings(os.environ)
    if settings.environment is None or settings.trading is None:
        show([finding._asdict() for finding in settings.findings], as_json, _table)
        raise typer.Exit(1)
    show(list(live_lines(settings.environment, settings.trading)), as_json, lambda lines: lines)


def _table(findings: list[Mapping[str, Any]]) -> Iterable[object]:
    yield rows("", ("", "check", "found"), ((one["verdict"], one["check"], one["found"]) for one in findings))
    to_do = [one for one in findings if one["to_do"] and one["verdict"] != Verdict.OK]
    if to_do:
        yield rows(
            "what to do", ("", "check", ""), ((one["verdict"], one["check"], one["to_do"]) for one in to_do)
        )
