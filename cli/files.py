"""Files: the ledger as a table, a backup of everything, a backup put back."""

from __future__ import annotations

import csv
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.errors import EngineError, SettingsError
from core.plain_words import plain_reason

commands = typer.Typer()


@commands.command()
def export(
    file: Annotated[
        Path, typer.Argument(help="trades, fills, orders, cash or form8949, and .csv: its name says what.")
    ],
) -> None:
    """Write the ledger's trades, fills, orders, cash movements or sales for Form 8949 as CSV, oldest first."""
    from daemon.wiring.ledger_export import TABLES, ledger_table  # noqa: PLC0415  # brings the daemon's wiring

    name = file.stem.split("-")[0]
    if name not in TABLES:
        raise SettingsError(f"{file.name} is no table.", hint=f"Name it after one: {', '.join(TABLES)}.")
    draft, count = file.with_name(f"{file.name}.new"), -1
    lines = ledger_table(name, os.environ)
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            for count, line in enumerate(lines):  # noqa: B007  # the last one counts them
                writer.writerow(line)
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise EngineError(
            f"{file} could not be written: {plain_reason(error)}.",
            hint="Nothing was changed. Name a file in a folder that is there and that you may write to.",
        ) from error
    typer.echo(f"{count} {name} in {file}")


@commands.command()
def backup(
    file: Annotated[Path | None, typer.Argument(help="Left out: trading-engine-DATE.tar.gz here.")] = None,
) -> None:
    """Write ledger, paper account, memory, models and your settings into one file; the daemon may run."""
    from daemon.wiring.backup import backup as write  # noqa: PLC0415  # brings the daemon's wiring

    archive = file or Path(f"trading-engine-{datetime.now(UTC):%Y%m%dT%H%M%S}.tar.gz")
    count = write(os.environ, archive)
    typer.echo(f"{count} files in {archive}: keep it private, it holds your settings")


@commands.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What backup wrote.", exists=True, dir_okay=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in place; what is there now is moved aside, nothing is deleted. Stop the daemon first."""
    from daemon.wiring.backup import restore as put_back  # noqa: PLC0415  # brings the daemon's wiring

    if not yes:
        typer.confirm(f"Put {file} in the place of what is there now?", abort=True, err=True)
    before = put_back(os.environ, file)
    typer.echo(f"{file} is in place; what was there before is in {before}")
