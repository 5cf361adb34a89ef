"""A broker, a feed and a notifier of one's own, chosen by a setting, in the wired daemon."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.feeds.choose import choose_source
from config.broker import BrokerSettings
from config.environment import OrderRoute, read_environment
from config.trading import TradingSettings
from core.cycles import DECIDE
from core.errors import BrokerError, DataError, SettingsError
from daemon.wiring import Daemon, build_daemon
from daemon.wiring.brokers import BrokerFactory
from pipeline.engine import Engine
from tests.conformance.feeds import check_feed
from tests.conformance.test_documents import blocks
from tests.servers.daemon import own_settings
from tests.user_agents import write

FEED = """
from adapters.calendar import NyseCalendar
from adapters.simulated.market import SimulatedMarket

class Mine:
    name = "mine"

    @classmethod
    def from_parts(cls, request):
        made = cls()
        made.market = SimulatedMarket(request.calendar, request.universe)
        return made

    def bars(self, symbols, start, end):
        return self.market.bars(symbols, start, end)

    def quotes(self, symbols, at):
        return self.market.quotes(symbols, at)
"""
BROKER = """
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore

class Bank(PaperBroker):
    name = "bank"
    is_paper = True

    @classmethod
    def from_parts(cls, parts):
        made = cls(parts.trading.broker, parts.clock, InMemoryPaperStore())
        made.name = "bank"
        return made
"""
NOTIFIER = """
class Notes:
    name = "notes"

    def send(self, message):
        with open({file!r}, "a") as out:
            out.write(message.body + chr(10))
"""


def wired(tmp_path: Path, provider: str = "mine", **own: Any) -> Daemon:
    folder = tmp_path / "config"
    folder.mkdir()
    own_settings(folder)
    file = folder / "trading.json"
    eager = {"synthesizer.buy_score_min": 0.0, "data.history_years": 2}
    file.write_text(json.dumps({**json.loads(file.read_text()), **eager, **own}))
    variables = {"DATA_PROVIDER": provider, "STATE_DIR": str(tmp_path / "state")}
    environment = replace(read_environment(variables, folder), artefact_dir=tmp_path / "models")
    return build_daemon(environment, folder)


@contextmanager
def daemon_with(tmp_path: Path, provider: str = "mine", **own: Any) -> Iterator[Daemon]:
    daemon = wired(tmp_path, provider, **own)
    try:
        yield daemon
    finally:
        daemon.close()


def built(daemon: Daemon) -> Engine:
    return daemon.engines.build(lambda: None)


def test_an_own_feed_and_an_own_broker_carry_a_decision_and_its_orders(tmp_path: Path) -> None:
    write(tmp_path / "user", "mine", FEED, "feeds")
    write(tmp_path / "user", "bank", BROKER, "brokers")
    with daemon_with(tmp_path, **{"broker.name": "bank"}) as daemon:
        assert daemon.engines.route is OrderRoute.OWN
        engine = built(daemon)
        report = engine.step(replace(DECIDE, submits=True))
        assert engine.last_view is not None
        assert engine.last_view.source == "mine"
        assert engine.parts.broker.name == "bank"
        assert engine.portfolio.cash == Decimal(100_000)
        approved = [each.order.client_order_id for each in report.plan.approved]
        assert approved, "a decision without an order would show nothing"
        assert {*engine.parts.broker.statuses(approved)} == {*approved}


def test_the_pages_broker_and_feed_work_as_they_stand(tmp_path: Path) -> None:
    write(tmp_path / "user", "bank", blocks("broker")[0], "brokers")
    write(tmp_path / "user", "tenth", blocks("feed")[0], "feeds")
    with daemon_with(tmp_path, "tenth", **{"broker.name": "paper"}) as daemon:
        engine = built(daemon)
        source = engine.last_view
        assert source is not None
        assert source.source == "tenth"
        symbols, day = ("AAPL", "SPY"), source.bars.dates[-1]
        request = daemon.engines.source_request()
        check_feed(choose_source(request).source, symbols, day - timedelta(days=90), day)
        with pytest.raises(SettingsError, match="orders go to a real broker"):
            choose_source(replace(request, route_is_builtin=False))
    environment = read_environment({"STATE_DIR": str(tmp_path / "state")}, tmp_path / "config")
    settings = TradingSettings(broker=BrokerSettings(name="bank"))
    BrokerFactory(environment, settings, OrderRoute.OWN, tmp_path / "config")


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ("def settle(self, view): raise OSError('no line')", "failed in settle (OSError: no line)"),
        ("def settle(self, view): return None", "failed in settle (it gave NoneType, not Settlement)"),
        ("def settle(self, view): raise SystemExit(1)", "failed in settle (SystemExit"),
        ("def account(self): return 5", "failed in account (it gave int, not Portfolio)"),
        ("submit = None", "has no method submit"),
    ],
)
def test_what_an_own_broker_does_wrong_is_a_brokers_fault(tmp_path: Path, body: str, failed: str) -> None:
    write(tmp_path / "user", "bank", f"{BROKER}\n    {body}\n", "brokers")
    write(tmp_path / "user", "mine", FEED, "feeds")
    with daemon_with(tmp_path, **{"broker.name": "bank"}) as daemon, pytest.raises(BrokerError) as raised:
        built(daemon).step(DECIDE)
    assert failed in raised.value.message


@pytest.mark.parametrize(
    ("text", "own", "message"),
    [
        (BROKER, "bnk", "broker.name: There is no broker named 'bnk'; the nearest known name is bank"),
        (
            BROKER.replace("    is_paper = True\n", ""),
            "bank",
            "may move real money, and live trading is not asked",
        ),
        (BROKER.replace("is_paper = True", "is_paper = 1"), "bank", "may move real money"),
        ("import no_such_package", "bank", "could not be loaded (ModuleNotFoundError"),
        (BROKER, "alpaca", "there are no Alpaca keys"),
    ],
)
def test_a_broker_that_cannot_be_or_may_move_real_money_stops_the_start(
    tmp_path: Path, text: str, own: str, message: str
) -> None:
    write(tmp_path / "user", "bank", text, "brokers")
    write(tmp_path / "user", "mine", FEED, "feeds")
    with pytest.raises(SettingsError) as raised, daemon_with(tmp_path, **{"broker.name": own}):
        pass
    assert message in str(raised.value)


def test_an_own_broker_with_real_money_waits_for_a_persons_word(tmp_path: Path) -> None:
    write(tmp_path / "user", "bank", BROKER.replace("is_paper = True", "is_paper = False"), "brokers")
    write(tmp_path / "user", "mine", FEED, "feeds")
    folder = tmp_path / "config"
    folder.mkdir()
    own_settings(folder)
    (folder / "trading.json").write_text(json.dumps({"broker.name": "bank", "broker.mode": "live"}))
    variables = {"DATA_PROVIDER": "mine", "STATE_DIR": str(tmp_path / "state"), "LIVE_TRADING": "true"}
    daemon = build_daemon(read_environment(variables, folder), folder)
    try:
        assert daemon.engines.brokers.live is not None
        assert not daemon.engines.brokers.admit(DECIDE).entries
    finally:
        daemon.close()


def test_an_own_broker_is_never_fed_invented_prices(tmp_path: Path) -> None:
    write(tmp_path / "user", "bank", BROKER, "brokers")
    with (
        daemon_with(tmp_path, "simulated", **{"broker.name": "bank"}) as daemon,
        pytest.raises(SettingsError, match="orders go to a real broker"),
    ):
        built(daemon)


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ("def bars(self, symbols, start, end): raise OSError('no line')", "failed in bars (OSError: no line)"),
        ("def bars(self, symbols, start, end): return {}", "it gave no BarPanel"),
        (
            "def bars(self, symbols, start, end): return self.market.bars(symbols[::-1], start, end)",
            "in the order asked for",
        ),
        ("quotes = None", "no quotes(symbols, at)"),
        ("from_parts = lambda request: 1 / 0", "could not be opened (ZeroDivisionError"),
    ],
)
def test_what_an_own_feed_does_wrong_is_a_fault_of_the_data(tmp_path: Path, body: str, failed: str) -> None:
    write(tmp_path / "user", "mine", f"{FEED}\n    {body}\n", "feeds")
    with daemon_with(tmp_path) as daemon, pytest.raises(DataError) as raised:
        built(daemon).step(DECIDE)
    assert failed in raised.value.message


def test_a_feed_that_there_is_not_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path / "user", "mine", FEED, "feeds")
    with pytest.raises(SettingsError, match="the nearest known name is mine"):
        read_environment({"DATA_PROVIDER": "mines"}, tmp_path / "config")


def test_an_own_notifier_is_told_and_a_broken_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "told.txt"
    write(tmp_path / "user", "notes", NOTIFIER.format(file=str(file)), "notifiers")
    write(tmp_path / "user", "mute", "import no_such_package", "notifiers")
    chosen = {"notify.notifiers": ["apprise", "notes", "mute"], "notify.collect_seconds": 0.0}
    daemon = wired(tmp_path, "simulated", **chosen)
    daemon.service.start()
    try:
        alert = {"message": "The line is cut.", "level": "critical"}
        daemon.hub.publish("risk.alert", daemon.engines.clock.now(), alert)
        until = time.monotonic() + 60
        while not (file.exists() and "The line is cut." in file.read_text()):
            assert time.monotonic() < until, "nobody was told"
            time.sleep(0.02)
        status = json.loads(daemon.service.status())
    finally:
        asyncio.run(daemon.service.stop())
    assert any("the notifier mute tells nobody" in line for line in status["degraded"])
    assert status["notifications"]["receivers"][0]["receiver"] == "notes"
