"""A person's word: halt, resume, flatten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from cli.client import connected
from cli.output import AsJson, show
from cli.reading import decision_lines

commands = typer.Typer()


@commands.command()
def halt(
    reason: Annotated[str, typer.Argument(help="Why; shown by status.")] = "asked for by trading-engine halt",
    as_json: AsJson = False,
) -> None:
    """Stop trading at once; reads go on."""
    with connected() as daemon:
        show(daemon.post("/halt", {"reason": reason}), as_json, _state)


@commands.command()
def resume(
    take_over: Annotated[
        list[str] | None, typer.Argument(help="Tickers, or cash, to take over as the broker's account has them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go back to trading; nothing that is not named is taken over from the account."""
    with connected() as daemon:
        show(daemon.post("/resume", {"take_over": take_over or None}), as_json, _resumed)


@commands.command()
def flatten(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: AsJson = False
) -> None:
    """Sell every position and enter nothing until resumed."""
    if not yes:
        typer.confirm("Sell every position now?", abort=True, err=True)
    with connected() as daemon:
        show(daemon.post("/flatten"), as_json, _flattened)


@commands.command()
def sell(
    ticker: Annotated[str, typer.Argument(help="What is held.")],
    quantity: Annotated[str | None, typer.Argument(help="Shares; left out: all.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sell one position now, or refuse and say why."""
    if quantity is not None and not _is_number_above_0(quantity):
        raise typer.BadParameter(f"{quantity!r} is no number of shares; nothing was sold.", param_hint="quantity")
    if not yes:
        typer.confirm(f"Sell {quantity or 'all'} {ticker.upper()} now?", abort=True, err=True)
    with connected() as daemon:
        show(daemon.post("/sell", {"symbol": ticker, "quantity": quantity}), as_json, decision_lines)


@commands.command()
def live(
    code: Annotated[str, typer.Argument(help="From the log line live.unconfirmed.")], as_json: AsJson = False
) -> None:
    """Confirm the first order with real money of this set-up."""
    with connected() as daemon:
        show(
            daemon.post("/live/confirm", {"code": code}),
            as_json,
            lambda _: ["confirmed: real money may be moved"],
        )


def _is_number_above_0(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and number > 0


def _state(answer: Mapping[str, Any]) -> Iterable[object]:
    yield f"trading is {answer['trading_state']}"


def _resumed(answer: Mapping[str, Any]) -> Iterable[object]:
    yield from _state(answer)
    for title, named in (("taken over", answer["taken_over"]), ("not taken over", answer["offered"])):
        for name, said in named.items():
            yield f"{title}: {name}: {said}"


def _flattened(answer: Mapping[str, Any]) -> Iterable[object]:
    yield from decision_lines(answer)
    for left in answer["flatten"]["left"]:
        yield f"left: {left['quantity']} {left['ticker']}: {left['reason']}"
