"""Agents that hang, raise, leave, eat memory or answer nonsense, drawn by a seed: the step goes on, and says why.

`python -m tests.simulation.bad_plugins --cases 50` runs as many seeds; the suite runs a few.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from agents.plugins import PluginAgents
from config.plugins import PluginSettings
from core.types import MarketView
from tests.panels import make_panel
from tests.user_agents import body, loaded, write

SYMBOLS = ("AAPL", "JPM", "XOM")
PANEL = make_panel(1, sessions=40, symbols=SYMBOLS)
VIEW = MarketView(as_of=PANEL.closed_at[-1], bars=PANEL)
SETTINGS = PluginSettings(deadline_seconds=0.25, memory_mb_max=300.0)
SLACK_SECONDS = 5.0  # of a busy machine
BAD = {
    "loops": ("while True: pass", "did not answer within"),
    "sleeps": ("time.sleep(3)", "did not answer within"),
    "waits": ("__import__('threading').Event().wait(3)", "did not answer within"),
    "computes": ("[np.linalg.svd(np.ones((200, 200))) for _ in range(10**6)]", "did not answer within"),
    "raises": ("raise ValueError('no')", "it raised ValueError"),
    "leaves": ("raise SystemExit(1)", "it raised SystemExit"),
    "interrupts": ("raise KeyboardInterrupt", "it raised KeyboardInterrupt"),
    "divides": ("return {s: 1 / 0 for s in symbols}", "it raised ZeroDivisionError"),
    "recurses": ("return self.signals(view, symbols)", ("it raised RecursionError", "did not answer within")),
    "nan": ("return {s: np.nan for s in symbols}", "no finite number"),
    "infinite": ("return {s: np.inf for s in symbols}", "no finite number"),
    "nothing": ("return None", "it raised TypeError"),
    "empty": ("return {}", "no score for any stock"),
    "eats": (
        "x = [np.ones(10**6) for i in range(10**6) if not time.sleep(0.001)]",
        ("MB of memory", "did not answer within"),
    ),
}


def run_case(seed: int) -> None:
    """Ask three to six bad agents and two good ones, twice."""
    rng = np.random.default_rng(seed)
    chosen = [str(name) for name in rng.choice(sorted(BAD), rng.integers(3, 7), replace=False)]
    with TemporaryDirectory() as folder:
        user = Path(folder)
        for name in ("good_a", "good_z"):
            write(user, name, body(name, "return {s: 0.5 for s in symbols}"))
        for name in chosen:
            write(user, name, body(name, BAD[name][0]))
        agents = PluginAgents(loaded(user).agents, SETTINGS)
        for time_asked in range(2):
            began = time.monotonic()
            found = agents.signals(VIEW, SYMBOLS)
            took = time.monotonic() - began
            assert took < len(chosen) * SETTINGS.deadline_seconds + SLACK_SECONDS, f"seed {seed}: {took:.1f} s"
            heard = {signal.agent for signal in found.signals}
            assert heard == {"good_a", "good_z"}, f"seed {seed}: {heard}"
            reasons = {a.agent: a.reason for a in found.abstentions if a.symbol == "*"}
            assert {*reasons} == {*chosen}, f"seed {seed}: {reasons}"
            for name in chosen:
                expected = BAD[name][1]
                texts = (expected,) if isinstance(expected, str) else expected
                known = (*texts, "still not returned") if time_asked else texts
                assert any(text in reasons[name] for text in known), f"seed {seed}: {name}: {reasons[name]}"


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--cases", type=int, default=50)
    cases = asked.parse_args().cases
    for seed in range(cases):
        run_case(seed)
    print(f"{cases} runs: every step went on, and every bad agent abstained with its reason")


if __name__ == "__main__":
    main()
