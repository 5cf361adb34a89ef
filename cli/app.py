"""The command `trading-engine`: its groups of commands, its exit codes.

A new group is a module with `commands = typer.Typer(...)`, named if its commands stand under a word of their own
(`typer.Typer(name="config")`), and one entry in GROUPS.
"""

from __future__ import annotations

import typer

from cli import (
    config,
    control,
    demo,
    evidence,
    files,
    letter,
    long_work,
    market,
    mcp,
    plugins,
    reading,
    running,
    universe,
    watch,
)
from cli.client import NoDaemonError
from cli.doctor import command as doctor
from cli.output import explain
from core.errors import EngineError, SettingsError
from core.plain_words import plain_reason

GROUPS = (
    running,
    demo,
    reading,
    market,
    control,
    long_work,
    files,
    config,
    doctor,
    mcp,
    watch,
    evidence,
    plugins,
    letter,
    universe,
)
EXIT_REFUSED = 1
EXIT_SETTINGS = 2  # typer's own code for a wrong use of the command line
EXIT_NO_DAEMON = 3
EPILOG = (
    "The daemon is found by TRADING_HOST, TRADING_PORT (or server.port) and TRADING_API_TOKEN. "
    "Exit codes: 0 done, 1 refused or failed, 2 wrong use or settings, 3 no daemon answers."
)

app = typer.Typer(
    help="A trading daemon for US stocks whose every decision can be replayed.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in GROUPS:
    app.add_typer(group.commands)


def main() -> int:
    """Run one command; return the exit code of what it could not do, otherwise leave with typer's."""
    try:
        app(prog_name="trading-engine")
    except EngineError as error:
        explain(error)
        return _exit_code(error)
    except OSError as error:  # a full disk, a folder that may not be written to
        explain(
            EngineError(f"{error.filename or 'A file'}: {plain_reason(error)}.", hint="The command was not done.")
        )
        return EXIT_REFUSED
    return 0


def _exit_code(error: EngineError) -> int:
    if isinstance(error, NoDaemonError):
        return EXIT_NO_DAEMON
    return EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_REFUSED
