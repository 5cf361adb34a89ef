"""Checks of the settings, and where orders would go: real money needs three switches that agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cli.doctor.findings import Finding, fault, ok, warning
from config.environment import Environment, OrderRoute, order_route, read_environment
from config.loader import load_risk, load_trading
from config.trading import TradingSettings
from core.errors import SettingsError


class ReadSettings(NamedTuple):
    """What could be read of the settings: None for what could not."""

    environment: Environment | None
    trading: TradingSettings | None
    findings: tuple[Finding, ...]


def read_settings(variables: Mapping[str, str]) -> ReadSettings:
    """Read environment and files, and say what is wrong with them and where orders go."""
    findings: list[Finding] = []
    environment = trading = None
    try:
        environment = read_environment(variables)
        findings += [warning("environment", said, "Correct or unset it.") for said in environment.unknown]
    except SettingsError as error:
        findings.append(fault("environment", error.message, error.hint or "Correct the variable."))
    try:
        trading = load_trading()
        load_risk(profile=trading.profile)
        findings.append(ok("settings", f"profile {trading.profile}"))
    except SettingsError as error:
        findings.append(fault("settings", error.message, error.hint or "Correct the file."))
    if environment and trading:
        findings.append(_route(environment, trading))
    return ReadSettings(environment, trading, tuple(findings))


def _route(environment: Environment, trading: TradingSettings) -> Finding:
    try:
        route = order_route(environment, trading)
    except SettingsError as error:
        return fault("orders go to", error.message, error.hint)
    if route is OrderRoute.ALPACA_LIVE:
        return warning("orders go to", f"{route}: REAL MONEY", "Unset LIVE_TRADING if that is not meant.")
    if route is OrderRoute.OWN:
        return warning(
            "orders go to", f"{route}, {trading.broker.name}", "REAL MONEY unless its class says is_paper = True."
        )
    return ok("orders go to", str(route))


def live_lines(environment: Environment, trading: TradingSettings) -> Iterable[str]:
    """Say how each of the switches for real money stands, and where orders would go."""
    switches = (
        ("ALPACA_API_KEY and ALPACA_SECRET_KEY", "set" if environment.has_alpaca_keys else "not set", "set"),
        ("1. ALPACA_PAPER", str(environment.alpaca_paper).lower(), "false"),
        ("2. LIVE_TRADING", str(environment.live_trading).lower(), "true"),
        ("3. broker.mode in trading.json", trading.broker.mode, "live"),
    )
    for name, now, wanted in switches:
        agrees = "for real money" if now == wanted else f"real money would need {wanted}"
        yield f"{name}: {now} ({agrees})"
    try:
        route = order_route(environment, trading)
    except SettingsError as error:
        yield f"The daemon would not start: {error}"
        return
    yield f"Orders would go to: {route}."
    if route is OrderRoute.ALPACA_LIVE:
        yield "This is real money. The first purchase waits for: trading-engine live CODE (the log has it)."
    elif route is OrderRoute.OWN:
        yield f"The broker {trading.broker.name} moves real money unless its class says is_paper = True."
        yield "If it does, it needs LIVE_TRADING and broker.mode live, and the first purchase a person's word."
    else:
        yield "No real money can be moved as it is set now."
