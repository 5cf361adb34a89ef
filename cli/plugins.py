"""What the user brings: all plug-ins listed, a new one begun, an agent checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, rows, show

commands = typer.Typer()
OUT = Path("charts")


class NewKind(StrEnum):
    """What can be begun."""

    AGENT = "agent"
    STRATEGY = "strategy"
    PROFILE = "profile"


class CheckedKind(StrEnum):
    """What can be checked."""

    AGENT = "agent"


@commands.command()
def plugins(as_json: AsJson = False) -> None:
    """List every agent, strategy, broker, feed and notifier: where it comes from, and whether it can be used."""
    from config.loader import FOLDER  # noqa: PLC0415  # with the settings
    from config.plugins import registered  # noqa: PLC0415  # with it
    from core.errors import PluginError  # noqa: PLC0415  # with it
    from core.plugins import KINDS  # noqa: PLC0415  # with it

    listed: list[dict[str, str]] = []
    chosen = _chosen()
    for kind in KINDS:
        found = registered(kind, FOLDER)
        for plugin in found.all:
            try:
                plugin.load()
                state = "in use" if (kind, plugin.name) in chosen else "can be used"
            except PluginError as error:
                state = error.message
            listed.append({"kind": kind, "name": plugin.name, "origin": plugin.origin, "state": state})
        listed += [{"kind": kind, "name": "", "origin": "", "state": fault} for fault in found.faults]
    show(listed, as_json, _plugins)


@commands.command()
def new(kind: NewKind, name: str) -> None:
    """Write a small working file to begin with, and its test, in the folder user/."""
    from cli.new import write_new  # noqa: PLC0415  # with the templates
    from config.loader import FOLDER  # noqa: PLC0415  # with the settings
    from config.plugins import user_folder  # noqa: PLC0415  # with it

    for path in write_new(kind.value, name, user_folder(FOLDER)):
        typer.echo(f"written: {path}")
    after = {
        NewKind.AGENT: f"Then: trading-engine check agent {name}. The daemon hears it at its next start, without "
        f"a weight; synthesizer.weights.{name} in config/trading.json gives it one.",
        NewKind.STRATEGY: f'Next: "strategy": "{name}" in config/trading.json, then trading-engine backtest.',
        NewKind.PROFILE: f'Next: "profile": "{name}" in config/trading.json, or trading-engine backtest '
        f"--profile {name}.",
    }
    typer.echo(after[kind])


@commands.command()
def check(
    kind: CheckedKind,
    name: str,
    feed: Annotated[str, typer.Option(help="As DATA_PROVIDER, such as parquet:PATH; else the daemon's.")] = "",
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last session.")] = None,
    effect: Annotated[bool, typer.Option(help="Also the team's backtest with its vote and without.")] = True,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at a time.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = OUT,
    as_json: AsJson = False,
) -> None:
    """Check an agent: look-ahead, repeatability, speed, worth. Exit code 1 when it must not be believed."""
    from msgspec import to_builtins  # noqa: PLC0415  # with the check

    from backtest.app.agent_check.check import (  # noqa: PLC0415  # heavy: the whole backtest
        RETRAIN_SESSIONS,
        check_agent,
        find_agent,
        team_effect,
    )
    from backtest.app.agent_check.page import html_of, text_of  # noqa: PLC0415  # with it
    from backtest.app.agent_check.processes import new_processes  # noqa: PLC0415  # with it
    from backtest.app.executors import executor_of  # noqa: PLC0415  # with it
    from backtest.app.settings import BacktestSpec  # noqa: PLC0415  # with it
    from backtest.app.strategies import load_panel  # noqa: PLC0415  # with it
    from config.environment import read_environment  # noqa: PLC0415  # with it

    del kind
    spec = BacktestSpec(
        start=start.date() if start else None,
        end=end.date() if end else None,
        feed=feed,
        retrain_sessions=RETRAIN_SESSIONS,
    )
    plugin = find_agent(name, spec)
    panel, source = load_panel(spec, read_environment(os.environ), datetime.now(UTC))
    with new_processes(jobs) as executor:
        found = check_agent(plugin, spec, panel, source, executor)
        if effect:
            with executor_of(jobs) as pool:
                found = replace(found, effect=team_effect(name, spec, panel, source, executor, pool))
    out.mkdir(parents=True, exist_ok=True)
    page = out / f"agent_check_{name}.html"
    page.write_text(html_of(found), encoding="utf-8")
    show(to_builtins(found), as_json, lambda _: [text_of(found), f"the same page: {page}"])
    if found.findings:
        raise typer.Exit(1)


def _chosen() -> set[tuple[str, str]]:
    """Return what settings and environment choose; nothing where they cannot be read: `doctor` says why."""
    from config.environment import OrderRoute, order_route, read_environment  # noqa: PLC0415  # with it
    from config.loader import load_trading  # noqa: PLC0415  # with it
    from core.errors import SettingsError  # noqa: PLC0415  # with it
    from daemon.wiring.brokers import NAMES  # noqa: PLC0415  # with it

    try:
        environment, trading = read_environment(os.environ), load_trading()
        route = order_route(environment, trading)
    except SettingsError:
        return set()
    broker = trading.broker.name if route is OrderRoute.OWN else NAMES[route]
    named = {("feeds", environment.provider), ("brokers", broker), ("strategies", trading.strategy or "team")}
    return named | {("notifiers", name) for name in trading.notify.notifiers}


def _plugins(listed: Iterable[Mapping[str, Any]]) -> Iterable[object]:
    yield rows(
        "plug-ins",
        ("kind", "name", "origin", "state"),
        ((line["kind"], line["name"], line["origin"], line["state"]) for line in listed),
    )
