"""What was bought under another universe and is still held: watched, never ranked, sold by its rules, told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.clock import ManualClock
from backtest.app.checks import replay_recorded
from backtest.app.settings import BacktestSpec
from config.environment import read_environment
from core.cycles import DECIDE, RISK_CHECK
from daemon.wiring import Daemon, build_daemon
from daemon.wiring.status_facts import held_outside
from pipeline.engine import Engine
from tests.servers.daemon import own_settings
from tests.user_agents import write

FEED = """
from adapters.simulated.market import SimulatedMarket
from config.universe import DEFAULT

class Mine(SimulatedMarket):
    name = "mine"

    @classmethod
    def from_parts(cls, request):
        return cls(request.calendar, DEFAULT)
"""
OTHERS = ["KO", "PEP", "WMT", "COST", "PG"]
NOON = datetime(2026, 3, 11, 16, 0, tzinfo=UTC)


@contextmanager
def daemon_on(home: Path, clock: ManualClock, universe: str) -> Iterator[tuple[Daemon, Engine]]:
    file = home / "config" / "trading.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "universe": universe}))
    variables = {"DATA_PROVIDER": "mine", "STATE_DIR": str(home / "state")}
    environment = replace(read_environment(variables, home / "config"), artefact_dir=home / "models")
    daemon = build_daemon(environment, home / "config", clock)
    try:
        yield daemon, daemon.engines.build(lambda: None)
    finally:
        daemon.close()


def home_with(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    own_settings(folder)
    write(tmp_path / "user", "mine", FEED, "feeds")
    own = tmp_path / "user" / "universes" / "others.json"
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps({"sectors": {"Staples": {"etf": "XLP", "stocks": OTHERS}}}))
    file = folder / "trading.json"
    eager = {"synthesizer.buy_score_min": 0.0, "data.history_years": 2, "sector_scan.top_sectors": 1}
    file.write_text(json.dumps({**json.loads(file.read_text()), **eager}))
    return tmp_path


def test_a_name_held_outside_the_universe_is_watched_and_sold_by_its_rules(tmp_path: Path) -> None:
    home, clock = home_with(tmp_path), ManualClock(NOON)
    with daemon_on(home, clock, "default") as (daemon, engine):
        engine.step(replace(DECIDE, submits=True))
        clock.advance(timedelta(minutes=5))
        engine.step(replace(DECIDE, submits=True))
        daemon.engines.shadows.step(engine.last_view, DECIDE)
        clock.advance(timedelta(minutes=5))
        engine.step(DECIDE)
        daemon.engines.shadows.step(engine.last_view, DECIDE)
        books = {book.name: {*book.engine.portfolio.positions} for book in daemon.engines.shadows.shadows}
        assert len(books["baseline"].difference(OTHERS)) > 30
        bought = {*engine.portfolio.positions}
        assert bought.difference(OTHERS), "nothing was bought that the other universe does not have"
    strangers = sorted(bought.difference(OTHERS))
    with daemon_on(home, clock, "others") as (daemon, engine):
        assert engine.last_view is not None
        priced = {*engine.last_view.bars.symbols}
        assert priced.issuperset(set().union(*books.values()))
        sold: set[str] = set()
        for session in range(60):
            clock.set(NOON + timedelta(days=session + 1))
            if not daemon.engines.market_open(clock.now()):
                continue
            checked = engine.step(replace(RISK_CHECK, submits=True))
            assert not [alert for alert in checked.plan.alerts if "no live price" in alert]
            sold |= {d.symbol for d in checked.plan.decisions if d.symbol in strangers}
            decided = engine.step(replace(DECIDE, submits=True))
            view = engine.last_view
            assert view is not None
            assert not set(view.eligible(view.bars.symbols)).intersection(strangers)
            assert {stock.symbol for stock in decided.plan.analysis.ranking} <= {*OTHERS}
            assert not {*decided.plan.analysis.candidates}.intersection(strangers)
            if session == 0:
                last = decided.decision_id
                (told,) = held_outside(daemon.universe, engine.portfolio.positions, clock.now())
                assert all(name in told for name in strangers)
        assert sold, "no exit rule held for what is watched"
        assert not {*engine.portfolio.positions}.intersection(sold)
    spec = BacktestSpec(folder=home / "config", feed="mine")
    variables = {"STATE_DIR": str(home / "state"), "DATA_PROVIDER": "mine"}
    again = replace(read_environment(variables, home / "config"), artefact_dir=home / "models")
    assert replay_recorded(last, spec, again, clock.now()).same
