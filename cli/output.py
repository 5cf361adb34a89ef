"""What a command writes: tables for people, the daemon's own JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import EngineError

AsJson = Annotated[bool, typer.Option("--json", help="Write the answer as JSON.")]
"""The option that every reading command takes."""
COLUMNS_UNATTENDED = 160  # characters a line where no terminal says how wide it is


def show(answer: Any, as_json: bool, table: Callable[[Any], Iterable[object]]) -> None:
    """Write an answer as JSON, or as what `table` makes of it: lines of text and rich tables."""
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
        return
    terminal = console()
    for part in table(answer):
        terminal.print(part)


def console() -> Console:
    """Return the console that standard output is; what it writes is text, never markup."""
    unattended = COLUMNS_UNATTENDED if not sys.stdout.isatty() else None
    return Console(markup=False, highlight=False, emoji=False, width=unattended)


def rows(title: str, columns: Iterable[str], lines: Iterable[Iterable[object]]) -> Table:
    """Return a table; a column whose name begins with `>` is set to the right."""
    table = Table(title=Text(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in columns:
        side: Literal["right", "left"] = "right" if name.startswith(">") else "left"
        table.add_column(
            Text(name.lstrip(">")), justify=side, overflow="fold"
        )  # narrow: no part of an id is lost
    for line in lines:
        table.add_row(*(Text(cell_text(cell)) for cell in line))
    return table


def facts(title: str, values: Mapping[str, object]) -> Table:
    """Return a table of named values."""
    table = Table(title=Text(title), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in values.items():
        table.add_row(Text(name), Text(cell_text(value)))
    return table


def cell_text(value: object) -> str:
    """Return what a cell says of a value: nothing of none, four digits of a fraction."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def percent(fraction: object) -> str:
    """Return a fraction in percent with its sign."""
    return "-" if not isinstance(fraction, int | float) else f"{fraction:+.2%}"


def money(amount: object) -> str:
    """Return US dollars with thousands separated."""
    return "-" if amount is None else f"{float(str(amount)):,.2f}"


def source_line(data: Mapping[str, Any]) -> str:
    """Return where an answer's prices are from, and until when."""
    fault = f"; {data['feed_fault']}" if data.get("feed_fault") else ""
    return f"data: {data.get('source')}, bars until {data.get('bars_until') or 'none yet'}{fault}"


def explain(error: EngineError) -> None:
    """Write on standard error what went wrong and what to do."""
    sys.stderr.write(f"{error.message}\n{error.hint}\n" if error.hint else f"{error.message}\n")
