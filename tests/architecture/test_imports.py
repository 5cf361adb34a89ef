"""Imports point inward, and each vendor library has one home. Planted wrong imports are caught."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "core", "config", "models", "agents", "risk", "analysis", "pipeline", "backtest", "daemon", "adapters",
    "scheduler", "api", "charts", "cli",
)  # fmt: skip
INNER = {
    "core": (),
    "config": ("core",),
    "models": ("core", "config"),
    "agents": ("core", "config", "models"),
    "risk": ("core", "config"),
    "analysis": ("core",),
    "adapters": ("core", "config"),
    "charts": ("core", "config"),
    "scheduler": ("core", "config"),
    "api": ("core", "config", "pipeline.report_events"),
    "pipeline": ("core",),
    "backtest": ("core", "config", "analysis", "pipeline"),
    "daemon": ("core", "config", "analysis", "models", "pipeline"),
    "cli": ("core", "config", "daemon.wiring", "backtest.app", "api.mcp"),
}
WIRING = ("daemon/wiring/", "backtest/app/")
HOMES = {
    "xgboost": ("models/",),
    "hmmlearn": ("models/",),
    "torch": ("models/",),
    "stable_baselines3": ("models/",),
    "transformers": ("models/",),
    "talib": ("models/",),
    "yfinance": ("adapters/yahoo/",),
    "alpaca": ("adapters/",),
    "exchange_calendars": ("adapters/calendar.py",),
    "sqlite3": ("adapters/",),
    "neo4j": ("adapters/memory/neo4j_store.py",),
    "fastapi": ("api/",),
    "uvicorn": ("server.py", "api/connections/"),
    "httptools": ("api/connections/http.py",),
    "apscheduler": ("scheduler/",),
    "matplotlib": ("charts/",),
    "prometheus_client": ("adapters/metrics.py",),
    "apprise": ("adapters/notify/receivers.py",),
    "pytickersymbols": ("config/universe_index.py",),
    "typer": ("cli/",),
    "mcp": ("api/mcp/",),
}


def imports_of(source: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
    return names


def allowed(path: str, module: str) -> bool:
    room = path.split("/", 1)[0]
    top = module.split(".", maxsplit=1)[0]
    if top in HOMES and room in (*ROOMS, "server.py"):
        return path.startswith(HOMES[top])
    if top not in ROOMS or room not in ROOMS or top == room or path.startswith(WIRING):
        return True
    return any(module == inner or module.startswith(inner + ".") for inner in INNER[room])


def sources() -> list[Path]:
    return [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))] + sorted(ROOT.glob("*.py"))


def wrong_imports(path: str, source: str) -> list[str]:
    return [f"{path} imports {module}" for module in imports_of(source) if not allowed(path, module)]


def test_every_import_points_inward() -> None:
    found = sources()
    assert len(found) > 40
    wrong = [w for p in found for w in wrong_imports(p.relative_to(ROOT).as_posix(), p.read_text("utf-8"))]
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("core/types.py", "import config"),
        ("risk/manager.py", "from agents.team import Agents"),
        ("agents/quant.py", "from risk.limits import checks"),
        ("adapters/clock.py", "from models.factors.table import FACTOR_NAMES"),
        ("pipeline/engine.py", "def f():\n    from adapters.clock import SystemClock"),
        ("pipeline/step.py", "import models.regime.tracker"),
        ("api/app.py", "from daemon.wiring import build_daemon"),
        ("daemon/status.py", "from risk.manager import RuleBasedRiskManager"),
        ("daemon/status.py", "from adapters.ledger import SqliteLedger"),
        ("daemon/engine_service.py", "from backtest.app.study import run_study"),
        ("backtest/report.py", "from adapters.ledger import SqliteLedger"),
        ("analysis/performance.py", "from config.risk import RiskSettings"),
        ("agents/rl.py", "import torch"),
        ("risk/sizing.py", "import xgboost as xgb"),
        ("pipeline/engine.py", "import sqlite3"),
        ("cli/reading.py", "from adapters.ledger import SqliteLedger"),
    ],
)
def test_a_planted_wrong_import_is_caught(path: str, planted: str) -> None:
    assert wrong_imports(path, planted)


def test_a_right_import_passes() -> None:
    assert not wrong_imports("agents/quant.py", "from models.factors.table import FACTOR_NAMES\nimport numpy")


@pytest.mark.parametrize("path", [p.relative_to(ROOT).as_posix() for p in sources()])
def test_files_and_functions_stay_small(path: str) -> None:
    source = (ROOT / path).read_text("utf-8")
    assert source.count("\n") < 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 50, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_the_zone_of_the_exchange_is_made_once() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for room in (*ROOMS, "tests", "benchmarks")
        for path in sorted((ROOT / room).rglob("*.py"))
        if 'ZoneInfo("' in path.read_text("utf-8") and path != Path(__file__)
    ]
    assert found == ["core/times.py"]
