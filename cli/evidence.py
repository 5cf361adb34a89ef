"""What is known by now: the scoreboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from cli.client import connected
from cli.output import AsJson, percent, rows, show, source_line

commands = typer.Typer()


@commands.command()
def scoreboard(as_json: AsJson = False) -> None:
    """Say how each book and each agent does against the yardstick, and what is shown by now."""
    with connected() as daemon:
        show(daemon.get("/scoreboard"), as_json, scoreboard_lines)


def scoreboard_lines(answer: Mapping[str, Any]) -> Iterable[object]:
    """Return the scoreboard for a terminal."""
    if not answer["session"]:
        yield "No session has been closed yet: the first one ends with the close after the start."
    for note in answer["notes"]:
        yield f"Note: {note}."
    if answer["shadow_books"]:
        yield rows(
            f"books until {answer['session']}, judged by {answer['yardstick']}",
            ("book", "sessions", "return", "Sharpe", "excess a year", "sessions left", "evidence", "known"),
            [_score_row(row) for row in answer["shadow_books"]],
        )
    if answer["agents"]:
        yield rows(
            f"agents, votes {answer['votes']}",
            ("agent", "weight", "counts", "sessions", "excess a year", "evidence", "known"),
            [_agent_row(row) for row in answer["agents"]],
        )
    least = f"{answer['shown_min']:g}"
    yield (
        f"Shown from an evidence of {least} up: one without an edge gets there with a chance of 1 in {least} at "
        "most, however often one looks. The 95 % intervals are for one look."
    )
    yield source_line(answer["data"])


def _score_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    left = row["sessions_left"]
    return (
        str(row["name"]),
        str(row["sessions"]),
        percent(row["return_total"]),
        _interval(row["sharpe"], row["sharpe_low"], row["sharpe_high"], "{:.2f}"),
        _interval(row["excess"], row["excess_low"], row["excess_high"], "{:+.1%}"),
        "-" if left is None else str(left),
        *_evidence(row["evidence"]),
    )


def _agent_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row["name"]),
        f"{row['weight']:.2f}",
        "yes" if row["counts"] else "no",
        str(row["evidence"]["sessions"]),
        _interval(row["excess"], row["excess_low"], row["excess_high"], "{:+.1%}"),
        *_evidence(row["evidence"]),
    )


def _evidence(known: Mapping[str, Any] | None) -> tuple[str, str]:
    return ("-", "the yardstick") if known is None else (f"{known['e_value']:.2f}", str(known["state"]))


def _interval(value: float | None, low: float | None, high: float | None, form: str) -> str:
    if value is None or low is None or high is None:
        return "-"
    return f"{form.format(value)} ({form.format(low)} to {form.format(high)})"
