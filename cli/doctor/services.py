"""Checks of what the engine asks: the broker, Yahoo, Neo4j, FinBERT, OpenClaw, and the clock against them."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from cli.doctor.findings import Finding, fault, ok, unused, warning
from config.environment import Environment

ANSWER_SECONDS_MAX = 6.0
OFFSET_SECONDS_MAX = 2.0
PAPER_URL, LIVE_URL = "https://paper-api.alpaca.markets", "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
YAHOO_URL = "https://query1.finance.yahoo.com"
BOLT_PORT = 7687
BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
FINBERT_FILES = ("config.json", "model.safetensors")


def broker(environment: Environment) -> Iterator[Finding]:
    """Check the keys: which account they open, whether it may trade, what data it gets, what time it is there."""
    if environment.alpaca_key is None or environment.alpaca_secret is None:
        yield unused(
            "keys", "no Alpaca keys: the built-in paper broker trades", "ALPACA_API_KEY, ALPACA_SECRET_KEY"
        )
        return
    url = environment.alpaca_base_url or (PAPER_URL if environment.alpaca_paper else LIVE_URL)
    kind = "paper" if environment.alpaca_paper else "live"
    headers = {
        "APCA-API-KEY-ID": environment.alpaca_key.get_secret_value(),
        "APCA-API-SECRET-KEY": environment.alpaca_secret.get_secret_value(),
    }
    with httpx.Client(headers=headers, timeout=ANSWER_SECONDS_MAX) as http:
        yield _account(http, url, kind)
        yield from _clock_of(http, url)
        yield _data_plan(http, environment.alpaca_base_url or DATA_URL)


def _account(http: httpx.Client, url: str, kind: str) -> Finding:
    try:
        answer = http.get(f"{url}/v2/account")
    except httpx.HTTPError as error:
        return fault(
            "keys", f"{url} does not answer ({type(error).__name__})", "Check the network and ALPACA_PAPER."
        )
    if answer.status_code in (401, 403):
        other = "live" if kind == "paper" else "paper"
        to_do = f"ALPACA_PAPER says {kind}: are they of the {other} account? Else make new ones."
        return fault("keys", f"Alpaca {kind} refuses the keys ({answer.status_code})", to_do)
    if not answer.is_success:
        return warning("keys", f"Alpaca {kind} answered {answer.status_code}", "Ask again in a moment.")
    account = answer.json()
    blocked = [name for name in BLOCKS if account.get(name)]
    found = f"Alpaca {kind}, account {account.get('status')}, equity {account.get('equity')} USD"
    if blocked or account.get("status") != "ACTIVE":
        return fault(
            "keys", f"{found}, {', '.join(blocked) or 'not active'}", "Log in at alpaca.markets: it says why."
        )
    return ok("keys", found)


def _clock_of(http: httpx.Client, url: str) -> Iterator[Finding]:
    """Check the broker's clock against this machine's, and its exchange hours against the calendar's."""
    from daemon.wiring.exchange import hours_at  # noqa: PLC0415  # heavy: the calendar

    try:
        clock = http.get(f"{url}/v2/clock").raise_for_status().json()
        there = datetime.fromisoformat(clock["timestamp"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        yield warning("clock", f"Alpaca's cannot be read ({type(error).__name__})", "Ask again in a moment.")
        return
    yield _offset(there, datetime.now(UTC), "Alpaca")
    is_open = hours_at(there)[0]
    if clock.get("is_open") in (None, is_open):
        return
    found = f"Alpaca says it is {'closed' if is_open else 'open'}, the calendar the opposite"
    yield warning(
        "exchange hours",
        found,
        "Look at nyse.com: an unplanned closure, or an engine that is too old.",
    )


def _offset(there: datetime, here: datetime, whose: str) -> Finding:
    seconds = (here - there).total_seconds()
    found = f"{seconds:+.1f} s from {whose}'s"
    if abs(seconds) > OFFSET_SECONDS_MAX:
        return fault("clock", found, "Switch on the clock's synchronisation: sudo timedatectl set-ntp true")
    return ok("clock", found)


def _data_plan(http: httpx.Client, url: str) -> Finding:
    try:
        answer = http.get(f"{url}/v2/stocks/SPY/bars/latest", params={"feed": "sip"})
    except httpx.HTTPError as error:
        return warning("data plan", f"{url} does not answer ({type(error).__name__})", "Check the network.")
    if answer.status_code == httpx.codes.FORBIDDEN:
        return ok("data plan", "IEX alone in real time (the free plan)")
    found = "all exchanges in real time" if answer.is_success else f"unknown: {answer.status_code}"
    return ok("data plan", found)


def yahoo(url: str = YAHOO_URL, now: datetime | None = None) -> Iterator[Finding]:
    """Check that Yahoo gives bars, and this machine's clock against its."""
    browser = {"User-Agent": "Mozilla/5.0"}  # Yahoo turns away what looks like no browser
    try:
        answer = httpx.get(
            f"{url}/v8/finance/chart/SPY", params={"range": "5d", "interval": "1d"}, headers=browser,
            timeout=ANSWER_SECONDS_MAX,
        )  # fmt: skip
    except httpx.HTTPError as error:
        to_do = "Without it: Alpaca keys, DATA_PROVIDER=parquet:PATH, or the simulated market."
        yield warning("yahoo", f"does not answer ({type(error).__name__})", to_do)
        return
    if answer.is_success:
        yield ok("yahoo", "gives bars")
    else:
        yield warning(
            "yahoo", f"turns us away ({answer.status_code})", "It is asked again by itself; or use Alpaca."
        )
    if sent := answer.headers.get("Date"):
        yield _offset(parsedate_to_datetime(sent), now or datetime.now(UTC), "Yahoo")


def neo4j(environment: Environment) -> Finding:
    """Check that the memory's graph can be reached, where one is asked for."""
    if not environment.neo4j_uri:
        return unused("neo4j", "NEO4J_URI is not set: the memory is in SQLite")
    address = urlsplit(environment.neo4j_uri)
    host, number = address.hostname or "localhost", address.port or BOLT_PORT
    if find_spec("neo4j") is None:
        return fault("neo4j", "its driver is not installed", "make run-all, or pip install -e '.[graph]'")
    try:
        with socket.create_connection((host, number), timeout=ANSWER_SECONDS_MAX):
            return ok("neo4j", f"{host}:{number} answers; /status says how far the graph is")
    except OSError as error:
        to_do = "NEO4J_PASSWORD=... docker compose up -d neo4j; trading goes on without it."
        return warning("neo4j", f"{host}:{number}: {error.strerror or type(error).__name__}", to_do)


def finbert(variables: Mapping[str, str]) -> Finding:
    """Check that sentiment has its model; without it a lexicon scores."""
    instead = "a finance lexicon scores instead"
    path = variables.get("FINBERT_PATH", "")
    if find_spec("onnxruntime") is None or find_spec("transformers") is None:
        return unused("finbert", f"its packages are not installed: {instead}", "make run-all")
    if not path:
        to_do = "FINBERT_PATH=FOLDER, or: trading-engine config set sentiment.download true"
        return unused("finbert", f"FINBERT_PATH is not set; the hub's cache is looked at, else {instead}", to_do)
    missing = [name for name in FINBERT_FILES if not (Path(path) / name).is_file()]
    if missing:
        return warning(
            "finbert", f"{path} lacks {', '.join(missing)}: {instead}", "Point FINBERT_PATH at the model."
        )
    return ok("finbert", path)


def openclaw() -> Finding:
    """Check that the gateway is there for the plugin."""
    found = shutil.which("openclaw")
    if found is None:
        return unused("openclaw", "not installed; the engine does not need it", "npm install -g openclaw")
    return ok("openclaw", f"{found}; the plugin: openclaw plugins install --link ./openclaw")
