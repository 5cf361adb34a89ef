"""Planted leaks are caught and named; agents without one are not accused: ours, the examples, the template."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cache
from pathlib import Path

import pytest

from backtest.app.agent_check.check import find_agent
from backtest.app.agent_check.leaks import Examination, examine
from backtest.app.agent_check.processes import new_processes
from backtest.app.settings import BacktestSpec
from cli.new import write_new
from config.trading import RegimeSettings, TradingSettings
from core.errors import RequestError
from core.types import BarPanel
from tests.conformance.inline import HereAtOnce
from tests.panels import make_panel
from tests.servers.daemon import own_settings
from tests.user_agents import write

ROOT = Path(__file__).parents[2]
STOCKS = TradingSettings().stocks
OURS = ("market", "momentum", "regime", "rsi")
EXAMPLES = ("momentum_12_1", "ridge_returns")
ROWS, SHORT_ROWS = range(300, 340), range(90, 120)
LEAKS = {
    "tomorrow_close": ("future", "", "base = bars.close.base; x = base[min(n, len(base) - 1)] / bars.close[-1]"),
    "tomorrow_volume": ("future", "", "base = bars.volume.base; x = base[min(n, len(base) - 1)] / 1e9"),
    "month_ahead": (
        "future",
        "",
        "base = bars.close.base; x = base[min(n + 20, len(base) - 1)] / 100",
    ),
    "whole_mean": ("future", "", "base = bars.close.base; x = bars.close[-1] / np.nanmean(base, axis=0)"),
    "centred": (
        "future",
        "",
        "base = bars.close.base; x = np.nanmean(base[n - 5 : n + 5], axis=0) / 100",
    ),
    "survivors": ("future", "", "x = np.where(np.isfinite(bars.close.base[-1]), 1.0, -1.0) + 0 * bars.close[-1]"),
    "rank_at_end": ("future", "", "x = np.argsort(bars.close.base[-1] / bars.close[-1]) / 100"),
    "fitted_on_all": (
        "future",
        "MEAN = []\n",
        "MEAN or MEAN.append(np.nanmean(bars.close.base, axis=0)); x = bars.close[-1] / MEAN[0]",
    ),
    "length": ("future", "", "x = bars.close[-1] * 0 + (len(bars.dates) - n) / 1000"),
    "digest": ("future", "", "x = bars.close[-1] * 0 + bars.row_digests[-1][0] / 256"),
    "later_views": (
        "memory",
        "SEEN = {}\n",
        "SEEN[n] = bars.close[-1].copy(); x = SEEN[max(SEEN)] / bars.close[-1] - 1",
    ),
    "counter": ("memory", "SEEN = []\n", "SEEN.append(n); x = bars.close[-1] * 0 + len(SEEN) / 1000"),
    "reads": (
        "file",
        "from pathlib import Path\n",
        "x = bars.close[-1] * 0 + float(Path(FILE).read_text())",
    ),
    "changes": (
        "file",
        "from pathlib import Path\n",
        "p = Path(FILE); k = float(p.read_text()) + 0.01; p.write_text(str(k)); x = bars.close[-1] * 0 + k",
    ),
    "network": (
        "address",
        "import socket\n",
        "s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); s.close(); x = bars.close[-1] * 0",
    ),
    "program": (
        "program",
        "import subprocess\n",
        "subprocess.run(['true'], check=True); x = bars.close[-1] * 0",
    ),
    "rolling_full": (
        "future",
        "",
        "base = bars.close.base; x = ((base - np.nanmean(base, 0)) / np.nanstd(base, 0))[n - 1]",
    ),
    "future_sort": (
        "future",
        "ORDER = []\n",
        "base = bars.close.base; ORDER or ORDER.extend(np.argsort(base[-1] / base[0]).tolist());"
        " x = np.array([ORDER.index(i) for i in range(len(bars.symbols))]) / 100",
    ),
    "known_later": (
        "future",
        "",
        "x = bars.close[-1] * 0 + (bars.known_at.base[-1] - bars.known_at[-1]).astype(float) / 1e15",
    ),
    "members_later": ("future", "", "x = bars.member.base[-1] * 1.0 + 0 * bars.close[-1]"),
    "cache": (
        "file",
        "from pathlib import Path\n",
        "p = Path(FILE); old = np.frombuffer(p.read_bytes()) if len(p.read_bytes()) > 9 else bars.close[-1];"
        " p.write_bytes(bars.close[-1].tobytes()); x = old / bars.close[-1] - 1",
    ),
    "database": (
        "file",
        "import sqlite3\n",
        "c = sqlite3.connect(FILE); x = bars.close[-1] * 0; c.close()",
    ),
    "datagram": (
        "address",
        "import socket\n",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 9)); s.close();"
        " x = bars.close[-1] * 0",
    ),
    "thread_state": (
        "memory",
        "import threading\nS = threading.local()\n",
        "S.n = getattr(S, 'n', 0) + 1; x = bars.close[-1] * 0 + S.n / 100",
    ),
    "calendar_day": ("clock", "import time\n", "x = bars.close[-1] * 0 + time.localtime().tm_yday / 1000"),
    "stopwatch": ("random", "import time\n", "x = bars.close[-1] * 0 + time.perf_counter() % 1"),
    "entropy": ("random", "import os\n", "x = bars.close[-1] * 0 + os.urandom(2)[0] / 255"),
    "places": (
        "order",
        "",
        "x = np.zeros(len(bars.symbols)); x[[bars.column[s] for s in symbols]] = np.arange(len(symbols)) / 100",
    ),
    "random": ("random", "", "x = np.random.default_rng().normal(size=len(bars.symbols))"),
    "clock": (
        "clock",
        "import datetime\n",
        "x = bars.close[-1] * 0 + datetime.date.today().toordinal() / 1e6",
    ),
}

SEARCH = (
    "panels = [o for o in gc.get_objects() if type(o).__name__ == 'BarPanel'];"
    " base = max(panels, key=lambda o: len(o.sessions)).close; x = base[-1] / bars.close[-1]"
)
"""Looks for the whole history wherever the process has it."""


@cache
def panel(sessions: int = 430) -> BarPanel:
    universe = TradingSettings().universe
    symbols = tuple(dict.fromkeys((*STOCKS, *(s.etf for s in universe.sectors.values()), "SPY")))
    return make_panel(3, sessions=sessions, symbols=symbols, missing={STOCKS[5]: [(0, sessions // 3)]})


def short_panel() -> BarPanel:
    """Bars for an agent that looks back over no more than a few."""
    return panel(160)


def leaking(top: str, statement: str, name: str, file: Path) -> str:
    lines = (
        "import numpy as np", top + f"FILE = {str(file)!r}", "class Made:", f"    name = {name!r}",
        "    def signals(self, view, symbols):", "        bars = view.bars; n = len(bars.sessions)",
        f"        {statement}",
        "        return {s: float(np.tanh(x[bars.column[s]])) for s in symbols}",
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def examined(
    home: Path,
    name: str,
    executor: Executor | None = None,
    bars: Callable[[], BarPanel] = panel,
    rows: Sequence[int] = ROWS,
) -> Examination:
    folder = home / "config"
    if not folder.exists():
        folder.mkdir(parents=True)
        own_settings(folder)
    plugin = find_agent(name, BacktestSpec(folder=folder))
    trading = TradingSettings(regime=RegimeSettings(restarts=1, refit_sessions=63))
    return examine(plugin, trading, bars(), rows, executor or HereAtOnce(), 60.0)


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_caught_and_named(name: str, tmp_path: Path) -> None:
    kind, top, statement = LEAKS[name]
    file = tmp_path / "data.txt"
    file.write_text("0.5")
    write(tmp_path / "user", name, leaking(top, statement, name, file))
    found = examined(tmp_path, name, bars=short_panel, rows=SHORT_ROWS).findings
    assert kind in {finding.kind for finding in found}, found
    if kind == "file":
        assert str(file) in found[0].text


def test_a_leak_through_fit_is_caught(tmp_path: Path) -> None:
    text = """
import numpy as np
class Made:
    name = "learner"
    def fit(self, history):
        self.mean = np.nanmean(history.close.base, axis=0)
    def signals(self, view, symbols):
        return {s: float(np.tanh(self.mean[view.bars.column[s]] / 100)) for s in symbols}
"""
    write(tmp_path / "user", "learner", text)
    assert {finding.kind for finding in examined(tmp_path, "learner").findings} == {"future"}


@pytest.mark.parametrize("name", OURS)
def test_ours_are_not_accused(name: str, tmp_path: Path) -> None:
    spoken_without_a_leak(examined(tmp_path, name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_not_accused(name: str, tmp_path: Path) -> None:
    (tmp_path / "user/agents").mkdir(parents=True)
    shutil.copy(ROOT / f"docs/examples/{name}.py", tmp_path / "user/agents")
    spoken_without_a_leak(examined(tmp_path, name))


def test_in_processes_of_their_own_the_template_is_not_accused_and_a_leak_is_caught(tmp_path: Path) -> None:
    write_new("agent", "mine", tmp_path / "user")
    write(tmp_path / "user", "leaks", leaking("import gc\n", SEARCH, "leaks", tmp_path))
    with new_processes(2) as executor:
        spoken_without_a_leak(examined(tmp_path, "mine", executor))
        found = examined(tmp_path, "leaks", executor, short_panel, SHORT_ROWS).findings
        assert {finding.kind for finding in found} == {"future"}


def test_an_agent_over_http_has_no_past_to_be_checked_on(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    own_settings(folder)
    (folder / "trading.json").write_text('{"agents": {"oracle": {"url": "http://127.0.0.1:1/"}}}')
    with pytest.raises(RequestError, match="proves nothing"):
        find_agent("oracle", BacktestSpec(folder=folder))


def spoken_without_a_leak(found: Examination) -> None:
    assert found.findings == ()
    assert found.whole.rows[0] == list(ROWS)
    assert (found.whole.scores[0] == found.whole.scores[0]).mean() > 0.5, found.whole.reasons
