"""Universes: what one lacks, and how much one picked with hindsight flatters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.output import AsJson, facts, percent, rows, show

commands = typer.Typer(
    name="universe",
    help="Whose stocks: what a universe lacks, and what hindsight makes.",
    no_args_is_help=True,
)
Feed = Annotated[str, typer.Option(help="As DATA_PROVIDER: parquet:PATH, yfinance, alpaca, simulated.")]
NAMED_MAX = 12


@commands.command()
def check(
    name: Annotated[str, typer.Argument(help="default, sp500, nasdaq100, dow, or a file in user/universes.")],
    feed: Annotated[str, typer.Option(help="As DATA_PROVIDER, or `none` to look at no bars.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a universe lacks: bars, sectors, dates, tickers that were renamed."""
    from backtest.app.universe_check import as_json_object, check_universe  # noqa: PLC0415  # heavy: the feeds
    from config.environment import read_environment  # noqa: PLC0415  # with it

    found = check_universe(name, read_environment(os.environ), datetime.now(UTC), feed)
    show(as_json_object(found), as_json, check_lines)


@commands.command("show")
def show_stocks(
    name: Annotated[str, typer.Argument(help="default, sp500, nasdaq100, dow, or a file in user/universes.")],
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Only who belonged on this day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List a universe's stocks as it is read: ticker, sector, the sector's ETF, since when and until when."""
    from config.universe import read_universe  # noqa: PLC0415  # brings numpy

    universe = read_universe(f"{name}@{on:%Y-%m-%d}" if on else name)
    stocks = [
        {
            "ticker": ticker, "sector": universe.sector_of[ticker], "etf": universe.sector_etf_of[ticker],
            "belongs": [
                {"from": str(since) if since else None, "to": str(until) if until else None}
                for since, until in universe.membership.get(ticker, ())
            ],
        }
        for ticker in universe.stocks
    ]  # fmt: skip
    show(stocks, as_json, lambda listed: stock_lines(universe.name, listed))


@commands.command()
def hindsight(
    dated: Annotated[str, typer.Argument(help="A dated universe, such as a file in user/universes.")],
    feed: Feed = "",
    fixed_feed: Annotated[str, typer.Option(help="Where the fixed names' bars are, if elsewhere.")] = "",
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last session.")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="May be repeated; left out: runbook.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that train.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a strategy on the fixed names, on the members of today and on the members of the day: minutes."""
    from backtest.app.executors import executor_of  # noqa: PLC0415  # heavy: the whole backtest
    from backtest.app.hindsight import as_json_object, compare_universes  # noqa: PLC0415  # with it
    from backtest.app.settings import BacktestSpec  # noqa: PLC0415  # with it
    from config.environment import read_environment  # noqa: PLC0415  # with it

    spec = BacktestSpec(start=start.date() if start else None, end=end.date() if end else None, feed=feed)
    made = []
    with executor_of(jobs) as executor:
        for row in compare_universes(
            spec, dated, profile or ["runbook"], read_environment(os.environ), datetime.now(UTC),
            fixed_feed=fixed_feed, executor=executor,
        ):  # fmt: skip
            sys.stderr.write(f"{row.universe}: {row.strategy} done\n")
            made.append(as_json_object(row))
    show(made, as_json, hindsight_lines)


def stock_lines(name: str, listed: Iterable[Mapping[str, Any]]) -> Iterable[object]:
    """Return a universe's stocks for a terminal."""
    yield rows(
        f"universe {name}",
        ("ticker", "sector", "ETF", "belongs"),
        [(one["ticker"], one["sector"], one["etf"], _spans(one["belongs"])) for one in listed],
    )


def check_lines(answer: Mapping[str, Any]) -> Iterable[object]:
    """Return a check for a terminal."""
    share = answer["member_days_with_bars"]
    dates = (
        f"{answer['dated_from']} to {answer['dated_until']}" if answer["dated"] else "none: picked with hindsight"
    )
    yield facts(
        f"universe {answer['name']} ({answer['source']})",
        {
            "stocks": f"{answer['stocks']} in {answer['sectors']} sectors, {answer['members_now']} belong now",
            "dates": dates,
            "without a sector": _few(answer["without_sector"]),
            "renamed": _few(answer["renamed"]),
            "bars": "not looked at"
            if share is None
            else f"{share:.1%} of the members' days, {answer['first']} to {answer['last']} ({answer['feed']})",
            "without bars": _few(answer["without_bars"]),
            "bars end early": _few([f"{stock} by {day}" for stock, day in answer["ended"].items()]),
        },
    )
    for note in answer["notes"]:
        yield f"Note: {note}."


def hindsight_lines(made: Iterable[Mapping[str, Any]]) -> Iterable[object]:
    """Return the comparison for a terminal."""
    listed = list(made)
    span = f"{listed[0]['first']} to {listed[0]['last']}" if listed else ""
    yield rows(
        f"the same strategy on three universes, {span}",
        ("universe", "strategy", ">a year", ">Sharpe", ">deepest fall", ">trades"),
        [_row(row) for row in listed],
    )
    yield "The first two know today who did well; the third does not."


def _spans(spans: Iterable[Mapping[str, str | None]]) -> str:
    said = [" ".join(f"{end} {day}" for end, day in span.items() if day) for span in spans]
    return ", ".join(said) or "always"


def _row(row: Mapping[str, Any]) -> tuple[object, ...]:
    made = row["performance"]
    sharpe = "-" if made["sharpe"] is None else f"{made['sharpe']:.2f}"
    fall, trades = percent(made["drawdown_max"]), made["trades"]
    return row["universe"], row["strategy"], percent(made["cagr"]), sharpe, fall, trades


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - NAMED_MAX} more" if len(listed) > NAMED_MAX else ""
    return f"{', '.join(listed[:NAMED_MAX])}{more}" or "none"
