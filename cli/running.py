"""The daemon itself, in the foreground."""

from __future__ import annotations

import os
from typing import Annotated

import typer

commands = typer.Typer()


@commands.command()
def run(
    cron: Annotated[bool, typer.Option("--cron", help="With the jobs, as ENABLE_CRON=true.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="As TRADING_PORT.")] = None,
) -> None:
    """Start the daemon; Ctrl-C stops it."""
    if cron:
        os.environ["ENABLE_CRON"] = "true"
    if port is not None:
        os.environ["TRADING_PORT"] = str(port)
    import server  # noqa: PLC0415  # heavy: the whole daemon

    server.leave(server.main())
