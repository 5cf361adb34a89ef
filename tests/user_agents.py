"""Agents as a user would bring them, in a folder beside the settings."""

from __future__ import annotations

from pathlib import Path

from agents.plugins import LoadedAgents, PluginParts, load_agents
from config.plugins import OUR_PLUGINS, PluginSettings
from config.trading import TradingSettings
from core.plugins import find_plugins
from models.factors.store import FactorStore

RISERS = """
class Risers:
    name = "risers"
    def signals(self, view, symbols):
        close = view.bars.close
        return {s: 100 * float(close[-1, view.bars.column[s]] / close[-2, view.bars.column[s]] - 1)
                for s in symbols}
"""
"""Looks one session back, and gives scores beyond 1."""

LEARNER = """
class Learner:
    name = "learner"
    fit_sessions = 5
    def fit(self, history):
        self.mean = history.close.mean(axis=0)
        self.sessions = len(history.sessions)
    def signals(self, view, symbols):
        return {s: 0.5 if view.bars.close[-1, view.bars.column[s]] > self.mean[view.bars.column[s]] else -0.5
                for s in symbols}
"""


def write(user: Path, name: str, text: str, kind: str = "agents") -> Path:
    """Write one file of the user's."""
    path = user / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def body(name: str, statement: str) -> str:
    """An agent whose `signals` is one statement."""
    lines = (
        "import numpy as np", "import time", "class Made:", f"    name = {name!r}",
        "    def signals(self, view, symbols):", f"        {statement}",
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def loaded(user: Path, settings: PluginSettings | None = None) -> LoadedAgents:
    """Load what is in the user's folder."""
    found = find_plugins("agents", OUR_PLUGINS["agents"], user)
    parts = PluginParts(factors=FactorStore({}), trading=TradingSettings())
    return load_agents(found.foreign, parts, settings or PluginSettings())
