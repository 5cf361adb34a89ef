"""What is: status, positions, trades, and the reasons of a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from cli.client import ProblemError, connected
from cli.output import AsJson, facts, money, percent, rows, show, source_line

commands = typer.Typer()
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")]


@commands.command()
def status(as_json: AsJson = False) -> None:
    """Say where orders go, what is degraded, what is held, and how the models and jobs stand."""
    with connected() as daemon:
        show(daemon.get("/status"), as_json, _status)


@commands.command()
def positions(as_json: AsJson = False) -> None:
    """List what is held, with its stops and targets."""
    with connected() as daemon:
        show(daemon.get("/positions"), as_json, _positions)


@commands.command()
def trades(limit: Limit = 50, as_json: AsJson = False) -> None:
    """List closed round trips, newest first."""
    with connected() as daemon:
        show(daemon.get("/trades", limit=limit), as_json, _trades)


@commands.command()
def why(
    decision_id: Annotated[str, typer.Argument(help="Of GET /decisions; left out: the last.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give one decision with every vote, reason and refusal."""
    with connected() as daemon:
        wanted = decision_id or _last_decision_id(daemon.get("/decisions", limit=1))
        show(daemon.get(f"/decisions/{wanted}"), as_json, decision_lines)


def _last_decision_id(answer: Mapping[str, Any]) -> str:
    if not answer["decisions"]:
        raise ProblemError({"detail": "Nothing has been decided yet.", "hint": "trading-engine decide does."})
    return str(answer["decisions"][0]["decision_id"])


def _status(status: Mapping[str, Any]) -> Iterable[object]:
    broker, data = status.get("broker") or {}, status.get("data") or {}
    portfolio = status.get("portfolio") or {}
    yield facts(
        "trading engine",
        {
            "trading state": " ".join(
                (status.get("trading_state") or "starting", status.get("state_reason") or "")
            ),
            "orders go to": broker.get("orders_go_to"),
            "prices": f"{data.get('source')}, bars until {data.get('bars_until')}",
            "profile": status.get("profile"),
            "equity, cash": f"{money(portfolio.get('equity'))}, {money(portfolio.get('cash'))} USD",
            "last decision": status.get("last_decision_id"),
        },
    )
    for what in status.get("degraded") or ():
        yield f"! {what}"
    yield rows(
        "models",
        ("model", "state", "version", ">age, days"),
        (
            (name, card.get("state"), card.get("model_id") or card.get("version"), card.get("age_days"))
            for name, card in status.get("models", {}).items()
        ),
    )
    timetable = status.get("scheduler") or {}
    yield rows(
        "jobs" if timetable.get("enabled") else "jobs (off: ENABLE_CRON=true starts them)",
        ("job", "when", "last run", "outcome", "next run"),
        (
            (job["name"], job["schedule"], job["last_run_at"], job["last_outcome"], job["next_run_at"])
            for job in timetable.get("jobs") or ()
        ),
    )


def _positions(answer: Mapping[str, Any]) -> Iterable[object]:
    yield (
        f"equity {money(answer['equity'])} USD, cash {money(answer['cash'])}, "
        f"today {percent(answer['daily_return'])}, below its peak {percent(answer['drawdown'])}"
    )
    yield rows(
        "",
        ("ticker", ">shares", ">entry", ">last", ">value", ">profit", ">stop", ">target"),
        (
            (
                held["ticker"], held["quantity"], money(held["average_price"]), money(held["last_price"]),
                money(held["value"]), percent(held["profit_pct"]), money(held["stop_price"]),
                money(held["target_price"]),
            )
            for held in answer["positions"]
        ),
    )  # fmt: skip
    yield source_line(answer["data"])


def _trades(answer: Mapping[str, Any]) -> Iterable[object]:
    yield rows(
        "",
        ("ticker", ">shares", "entry", ">price", "exit", ">price", ">profit", "", "rule"),
        (
            (
                trip["ticker"], trip["quantity"], trip["entry_at"][:16], money(trip["entry_price"]),
                trip["exit_at"][:16], money(trip["exit_price"]), money(trip["profit"]),
                percent(trip["profit_pct"]), trip["exit_rule"],
            )
            for trip in answer["trades"]
        ),
    )  # fmt: skip
    yield source_line(answer["data"])


def decision_lines(answer: Mapping[str, Any]) -> Iterable[object]:
    """Describe a decision: the market, each ticker's vote and outcome, refusals, orders, abstentions."""
    market = answer["market"]
    yield (
        f"{answer['decision_id']}: {answer['cycle']} as of {answer['as_of']}, {answer['trading_state']}; regime "
        f"{market['regime'] or 'unknown'}, hot sectors {', '.join(market['hot_sectors']) or 'none'}"
    )
    yield rows(
        "decisions",
        ("ticker", "action", ">score", "outcome", ">USD", "votes", "reasons"),
        (
            (
                one["ticker"], one["action"], one["score"], one["outcome"],
                money(one["size"]["usd"]) if one["size"] else "-",
                " ".join(f"{vote['agent']} {vote['score']:+.2f}" for vote in one["votes"]),
                "; ".join(one["reasons"]),
            )
            for one in answer["decisions"]
        ),
    )  # fmt: skip
    if answer["refused"]:
        yield rows(
            "refused",
            ("ticker", "side", "rule", "limit", "observed"),
            ((r["ticker"], r["side"], r["rule"], r["limit"], r["observed"]) for r in answer["refused"]),
        )
    if answer["orders"]:
        yield rows(
            "orders",
            ("ticker", "side", ">shares", ">price", "status", "goes to"),
            (
                (o["ticker"], o["side"], o["quantity"], money(o["reference_price"]), o["status"], o["route"])
                for o in answer["orders"]
            ),
        )
    for gone in answer["abstained"]:
        yield f"abstained: {gone['agent']} on {gone['ticker']}: {gone['reason']}"
    for alert in (*answer["alerts"], *answer["notes"]):
        yield f"! {alert}"
    yield source_line(answer["data"])
