"""What it would do: a decision, the sectors, the ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from cli.client import connected
from cli.output import AsJson, money, percent, rows, show, source_line
from cli.reading import decision_lines

commands = typer.Typer()


@commands.command()
def decide(
    tickers: Annotated[list[str] | None, typer.Argument(help="On these only; left out: the watchlist.")] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Also send the approved orders.")] = False,
    as_of: Annotated[str | None, typer.Option(help="A past date or moment: a what-if, never sent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide now, with every vote and every refusal."""
    asked = {"tickers": tickers or None, "execute": execute or None, "as_of": as_of}
    with connected() as daemon:
        show(daemon.post("/decide/v3", asked), as_json, decision_lines)


@commands.command()
def scan(as_json: AsJson = False) -> None:
    """Rank the sectors by their momentum against SPY."""
    with connected() as daemon:
        show(daemon.post("/scan"), as_json, _scan)


@commands.command()
def rank(
    top: Annotated[int, typer.Option(min=1, help="How many of the table's lines.")] = 20, as_json: AsJson = False
) -> None:
    """Rank the stocks by the probability to outperform."""
    with connected() as daemon:
        show(daemon.post("/quant/rank"), as_json, lambda answer: _rank(answer, top))


def _scan(answer: Mapping[str, Any]) -> Iterable[object]:
    lookbacks = tuple(answer["sectors"][0]["momentum"]) if answer["sectors"] else ()
    yield rows(
        "",
        (">rank", "sector", "ETF", ">score", *(f">{name}" for name in lookbacks), "picks"),
        (
            (
                sector["rank"], sector["sector"], sector["etf"], sector["score"],
                *(percent(sector["momentum"][name]) for name in lookbacks), " ".join(sector["picks"]),
            )
            for sector in answer["sectors"]
        ),
    )  # fmt: skip
    yield from _abstained(answer)


def _rank(answer: Mapping[str, Any], top: int) -> Iterable[object]:
    yield rows(
        "",
        (">rank", "ticker", ">p outperform", "candidate", "sector", ">price", "pushed up", "pushed down"),
        (
            (
                one["rank"], one["ticker"], one["p_outperform"], "yes" if one["candidate"] else "",
                one["sector"], money(one["price"]), " ".join(one["pushed_up"]), " ".join(one["pushed_down"]),
            )
            for one in answer["ranking"][:top]
        ),
    )  # fmt: skip
    yield from _abstained(answer)


def _abstained(answer: Mapping[str, Any]) -> Iterable[object]:
    for gone in answer["abstained"]:
        yield f"abstained: {gone['agent']} on {gone['ticker']}: {gone['reason']}"
    yield source_line(answer["data"])
