"""A first minute without an account, a key or a network."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import money
from core.times import NEW_YORK

if TYPE_CHECKING:
    from core.events import Event
    from daemon.wiring import Daemon

commands = typer.Typer()
DAY_SECONDS_MIN = 1.0
HEARD_SECONDS = 0.1
LINES = {
    "order.filled": "{side} {quantity} {ticker} at {price}, {rule}",
    "risk.alert": "! {message}",
}


@commands.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=2_000, help="Calendar days.")] = 60,
    begin: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Left out: today.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, envvar="TRADING_PORT")] = 8787,
    stay: Annotated[bool, typer.Option(help="Serve the last day until Ctrl-C.")] = True,
) -> None:
    """Live through simulated days, about one a second, on a paper account of its own; prices are invented."""
    first = begin.date() if begin else datetime.now(NEW_YORK).date()
    with tempfile.TemporaryDirectory(prefix="trading-engine-demo-") as folder:
        asyncio.run(_demo(Path(folder), first, days, port, stay))


async def _demo(folder: Path, first: date, days: int, port: int, stay: bool) -> None:
    import structlog  # noqa: PLC0415  # with the daemon

    import server  # noqa: PLC0415  # heavy: the whole daemon
    from config.environment import read_environment  # noqa: PLC0415  # with it
    from daemon.wiring.demo import build_demo, listen, live_days  # noqa: PLC0415  # heavy

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    environment = read_environment({})
    listening = server.listen(environment, port)
    morning = datetime(first.year, first.month, first.day, 12, tzinfo=NEW_YORK)
    daemon, clock = build_demo(folder, port, morning.astimezone(UTC))
    web = server.web_server(environment, daemon, clock.now)
    typer.echo(f"Prices are invented. http://127.0.0.1:{port}/ shows it; its first model is being trained.")
    serving = asyncio.create_task(web.serve(sockets=[listening]))
    diary = _Diary(daemon, f"http://127.0.0.1:{port}")
    hearing = asyncio.create_task(listen(daemon, diary.hear))
    try:
        async for end in live_days(daemon, clock, days, DAY_SECONDS_MIN):
            await asyncio.sleep(HEARD_SECONDS)  # the day's last events come before its end is written
            diary.end_day(end)
            if serving.done():
                return
        if stay:
            typer.echo("The days are over; Ctrl-C ends it.")
            await serving
    finally:
        web.should_exit = True
        hearing.cancel()
        await serving


class _Diary:
    """What is written of a day: orders, fills and alerts as they come, refusals counted, where its letter is."""

    def __init__(self, daemon: Daemon, url: str) -> None:
        self._daemon = daemon
        self._url = url
        self._refused: set[str] = set()
        self._has_letter = False

    def hear(self, event: Event) -> None:
        if event.topic == "order.refused":
            self._refused.add(f"{event.data.get('ticker')} ({event.data.get('rule')})")
        at = f"  {event.at.astimezone(NEW_YORK):%a %H:%M} "
        if event.topic in LINES:
            typer.echo(at + LINES[event.topic].format_map(_Blank(event.data)))
        if event.topic == "decision.made" and event.data["approved"]:
            typer.echo(f"{at}decided to trade {' '.join(event.data['approved'])}")
        if event.topic == "letter.written":
            typer.echo(f"{at}letter of the day: {self._url}/letter/{event.data['session']}/page")
            if not self._has_letter:
                typer.echo("".join(f"    {line}\n" for line in event.data["text"].splitlines()), nl=False)
            self._has_letter = True

    def end_day(self, end: datetime) -> None:
        portfolio = self._daemon.service.portfolio()
        held, refused = " ".join(sorted(portfolio.positions)), ", ".join(sorted(self._refused))
        day = end.astimezone(NEW_YORK)
        typer.echo(f"{day:%a %Y-%m-%d}  equity {money(portfolio.equity)} USD, held: {held or 'nothing'}")
        if refused:
            typer.echo(f"  refused: {refused}")
        self._refused.clear()


class _Blank(dict[str, Any]):
    """An event's data; what it has not is left blank."""

    def __missing__(self, key: str) -> str:
        return ""
