"""What ten agents that are not ours cost a step: the same backtest with and without them, best of five each."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.calendar import NyseCalendar
from adapters.simulated.market import SimulatedMarket
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.strategies import run_pipeline, train
from config.loader import FOLDER

PLUGINS, ROUNDS, RATIO_MAX = 10, 5, 1.15
SPAN = (date(2017, 12, 1), date(2021, 6, 30))
TRIVIAL = """
class Trivial:
    name = "{name}"
    def signals(self, view, symbols):
        return dict.fromkeys(symbols, 0.1)
"""


def settings_in(home: Path, plugins: int) -> Path:
    folder = home / "config"
    folder.mkdir(parents=True)
    for file in FOLDER.glob("*.default.json"):
        shutil.copy(file, folder)
    shutil.copytree(FOLDER / "profiles", folder / "profiles")
    (home / "user/agents").mkdir(parents=True)
    for number in range(plugins):
        (home / f"user/agents/trivial_{number}.py").write_text(TRIVIAL.format(name=f"trivial_{number}"))
    return folder


def main() -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        spec = BacktestSpec(start=date(2021, 1, 4), end=date(2021, 6, 28), folder=settings_in(Path(one), 0))
        specs = {0: spec, PLUGINS: replace(spec, folder=settings_in(Path(other), PLUGINS))}
        universe = settings_of(spec).trading.universe
        panel = SimulatedMarket(NyseCalendar(), universe).bars(universe.symbols, *SPAN)
        artefacts = train(spec, panel)
        best = dict.fromkeys(specs, float("inf"))
        steps = 0
        for _ in range(ROUNDS):
            for plugins, chosen in specs.items():
                began = time.process_time()
                _, run = run_pipeline(chosen, panel, artefacts)
                best[plugins] = min(best[plugins], time.process_time() - began)
                steps = len(run.sessions)
    per_step = {plugins: 1000 * seconds / steps for plugins, seconds in best.items()}
    ratio = per_step[PLUGINS] / per_step[0]
    figures = {
        "benchmark": "plugins",
        "steps": steps,
        "step_ms": round(per_step[0], 2),
        f"step_with_{PLUGINS}_ms": round(per_step[PLUGINS], 2),
        "ratio": round(ratio, 3),
        "limit": RATIO_MAX,
        "reached": ratio <= RATIO_MAX,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
