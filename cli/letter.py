"""The letter of a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from cli.client import connected
from cli.output import AsJson, show

commands = typer.Typer()


@commands.command()
def letter(
    session: Annotated[
        datetime | None,
        typer.Argument(formats=["%Y-%m-%d"], help="Such as 2026-01-30; left out: the last one, written now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a session's letter: what was done, at what cost, and what differs from the books on paper."""
    with connected() as daemon:
        found = daemon.get(f"/letter/{session.date()}") if session else daemon.post("/letter")
        show(found, as_json, lambda answer: letter_lines(answer, daemon.url))


def letter_lines(answer: Mapping[str, Any], url: str) -> Iterable[object]:
    """Return the letter's short text, and where its page is."""
    yield answer["text"]
    yield f"page: {url}/letter/{answer['session']}/page"
