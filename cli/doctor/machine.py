"""Checks of this machine: Python, packages, port, disk, permissions."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from cli.client import EngineClient, daemon_token, daemon_url
from cli.doctor.findings import Finding, fault, ok, unused, warning
from config.loader import FOLDER
from core.errors import EngineError, SettingsError
from core.times import NEW_YORK

PYTHON_MIN, PYTHON_MAX = (3, 11), (3, 13)
HEALTH_SECONDS_MAX = 3.0
FREE_MB_MIN, FREE_MB_WANTED = 200, 2_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
EXTRAS = {
    "rl": ("torch", "stable_baselines3", "gymnasium"),
    "sentiment": ("torch", "transformers", "onnxruntime"),
    "graph": ("neo4j",),
}
GIVES = {"rl": "training the RL ensemble", "sentiment": "FinBERT", "graph": "the memory in Neo4j"}
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^;\s]+)$")
DISTRIBUTION = "trading-engine"


def python() -> Finding:
    """Check the version of Python."""
    version = sys.version.split()[0]
    if PYTHON_MIN <= sys.version_info[:2] <= PYTHON_MAX:
        return ok("python", f"{version} ({sys.executable})")
    return fault("python", f"{version} is not supported", "Install Python 3.11, 3.12 or 3.13, then: make run")


def packages() -> Iterator[Finding]:
    """Check that each package is there in the version that was tested, and which extras are."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        yield fault("packages", f"{DISTRIBUTION} is not installed", "make run, or pip install -e .")
        return
    wrong = [said for line in required if (said := _wrong_version(line))]
    if wrong:
        yield fault("packages", "; ".join(wrong), "pip install -c constraints.txt -e .")
    else:
        yield ok("packages", "all as they were tested")
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if find_spec(name) is None]
        if missing:
            to_do = f"make run-all, or pip install -e '.[{extra}]'"
            yield unused(f"packages [{extra}]", f"{', '.join(missing)} missing: no {GIVES[extra]}", to_do)
        else:
            yield ok(f"packages [{extra}]", "installed")


def _wrong_version(line: str) -> str:
    pinned = PINNED.match(line.replace(" ", ""))  # those with a marker are of an extra or of another system
    if pinned is None:
        return ""
    try:
        there = importlib.metadata.version(pinned[1])
    except importlib.metadata.PackageNotFoundError:
        return f"{pinned[1]} is missing"
    return "" if there == pinned[2] else f"{pinned[1]} is {there}, tested was {pinned[2]}"


def port(variables: Mapping[str, str]) -> Finding:
    """Check that the daemon's port is free, or held by the daemon."""
    try:
        url, token = daemon_url(variables), daemon_token(variables)
    except SettingsError as error:
        return fault("port", error.message, error.hint)
    host, _, number = url.removeprefix("http://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(number)), timeout=2):
            pass
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, None) or isinstance(error, TimeoutError):
            return ok("port", f"{url} is free: no daemon runs there")
        return fault("port", f"{url}: {error.strerror}", "Set TRADING_HOST and TRADING_PORT.")
    client = EngineClient(url, token, HEALTH_SECONDS_MAX)
    try:
        health = client.get("/health")
        state = health["trading_state"] or "starting"
        return ok("port", f"a daemon answers at {url}: {state}, up {health['server_uptime']:.0f} s")
    except (EngineError, KeyError, TypeError):
        return fault(
            "port", f"{url} is held by something else", f"Find it (lsof -i:{number}) or set TRADING_PORT."
        )
    finally:
        client.close()


def exchange(now: datetime) -> Finding:
    """Check what the calendar says of the exchange by this machine's clock."""
    from daemon.wiring.exchange import hours_at  # noqa: PLC0415  # heavy: the calendar

    is_open, until = hours_at(now)
    local = f"{until.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M} New York" if until else "a time that is not known"
    said = f"open until {local}" if is_open else f"closed, opens {local}"
    return ok("exchange", f"NYSE is {said}; here it is {now.astimezone(NEW_YORK):%a %H:%M} there")


def disk(state_dir: Path) -> Finding:
    """Check the room for ledger, caches and models."""
    there = next(path for path in (state_dir, *state_dir.absolute().parents) if path.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    found = f"{free_mb:,} MB free at {there}"
    if free_mb < FREE_MB_MIN:
        return fault(
            "disk", found, f"Make room: without {FREE_MB_MIN} MB nothing can be recorded, so nothing trades."
        )
    if free_mb < FREE_MB_WANTED:
        return warning("disk", found, f"Make room for a year: about {FREE_MB_WANTED} MB.")
    return ok("disk", found)


def permissions(state_dir: Path, artefact_dir: Path, config: Path = FOLDER) -> Iterator[Finding]:
    """Check that state and models can be written, and that no one else can read secrets."""
    for name, folder in (("state", state_dir), ("models", artefact_dir)):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            yield fault(f"permissions: {name}", f"{there} is a file, no folder", "Move it, or set STATE_DIR.")
        elif not os.access(there, os.R_OK | os.W_OK | os.X_OK):
            yield fault(
                f"permissions: {name}", f"{there} cannot be written", "chown or chmod it, or set STATE_DIR."
            )
        elif folder.exists():
            yield ok(f"permissions: {name}", f"{folder} can be written")
    open_to_others = [
        path.name
        for path in (config / "trading.json", config / "risk.json")
        if path.exists() and os.name != "nt" and path.stat().st_mode & OTHERS
    ]
    if open_to_others:
        names = ", ".join(open_to_others)
        yield warning("permissions: config", f"others can read {names}", f"chmod 600 {names} in {config}")
