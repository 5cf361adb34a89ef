"""What `trading-engine new` writes: a small working file of the user's, and its test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from core.errors import RequestError

NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
AGENT = '''"""{name}: an agent of your own. Change `signals`; docs/extending/agent.md says what it may use."""

import numpy as np


class {class_name}:
    """Scores each stock by its return over the last 63 sessions, as its place among the others."""

    name = "{name}"

    def signals(self, view, symbols):
        """Return a score in [-1, 1] by symbol, of nothing but what the view holds."""
        close = view.bars.close
        if len(close) <= 63:
            return {{}}
        returns = {{s: close[-1, view.bars.column[s]] / close[-64, view.bars.column[s]] - 1 for s in symbols}}
        known = sorted((value, s) for s, value in returns.items() if np.isfinite(value))
        return {{s: 2 * place / max(1, len(known) - 1) - 1 for place, (_, s) in enumerate(known)}}
'''
AGENT_TEST = '''"""The agent {name} keeps to what an agent must: `pytest user/tests/test_{name}.py`."""

from tests.conformance.agents import AgentConformance


class Test{class_name}(AgentConformance):
    agent = "{name}"
'''
STRATEGY = '''"""{name}: a strategy of your own. Chosen by `"strategy": "{name}"` in config/trading.json."""

import numpy as np

from agents.top_of_universe import TopNStrategy


class {class_name}(TopNStrategy):
    """Holds the ten stocks with the best return over 126 sessions in equal parts, changed each 21 sessions."""

    name = "{name}"

    @classmethod
    def from_parts(cls, parts):
        """Make it for the stocks of the settings."""
        return cls(parts.trading.stocks, score, count=10, every_sessions=21, exposure=0.8)


def score(view):
    """Return one number a column of the view's bars; what has none is never held."""
    close = view.bars.close
    return close[-1] / close[-127] - 1 if len(close) > 126 else np.full(close.shape[1], np.nan)
'''
STRATEGY_TEST = '''"""The strategy {name} keeps to what a strategy must: `pytest user/tests/test_{name}.py`."""

from tests.conformance.strategies import StrategyConformance


class Test{class_name}(StrategyConformance):
    strategy = "{name}"
'''
PROFILE = """{{
  "about": "{name}: the runbook's numbers with changes of your own.",
  "trading": {{
    "synthesizer": {{"buy_score_min": 0.4}}
  }},
  "risk": {{}}
}}
"""
TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "agent": {"agents/{name}.py": AGENT, "tests/test_{name}.py": AGENT_TEST},
    "strategy": {"strategies/{name}.py": STRATEGY, "tests/test_{name}.py": STRATEGY_TEST},
    "profile": {"profiles/{name}.json": PROFILE},
}
"""What is written of each kind, by its place in the user's folder."""


def write_new(kind: str, name: str, user: Path) -> list[Path]:
    """Write the files of a new plug-in.

    Raises
    ------
    core.errors.RequestError
        For a name that cannot be a file's and a class's, or when one of the files is there already.
    """
    if not NAME.match(name):
        raise RequestError(
            f"{name!r} cannot be the name of a file and a class.",
            hint="Use small letters, digits and _, a letter first, such as momentum_12_1.",
        )
    class_name = "".join(part.capitalize() for part in name.split("_"))
    files = {
        user / place.format(name=name): text.format(name=name, class_name=class_name)
        for place, text in TEMPLATES[kind].items()
    }
    taken = [path for path in files if path.exists()]
    if taken:
        raise RequestError(f"{taken[0]} is there already; nothing was written.", hint="Choose another name.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)
