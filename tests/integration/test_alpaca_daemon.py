"""`python server.py` on Alpaca's stand-in: where orders go, that they go once, and that a kill loses nothing."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from adapters.calendar import NyseCalendar
from adapters.simulated.market import SimulatedMarket
from core.types import BarPanel
from tests.cli.conftest import run
from tests.default_universe import DEFAULT, UNIVERSE
from tests.servers.alpaca_broker import AlpacaBroker, alpaca_broker_server
from tests.servers.alpaca_broker_desk import Desk
from tests.servers.daemon import MODELS, Process, own_settings

HISTORY = timedelta(days=800)


@pytest.fixture(scope="module")
def panel() -> BarPanel:
    """Give two years of a simulated market until today."""
    today = datetime.now(UTC).date()
    return SimulatedMarket(NyseCalendar(), DEFAULT).bars(UNIVERSE, today - HISTORY, today)


@pytest.fixture(scope="module")
def bars(panel: BarPanel) -> dict[str, list[dict[str, Any]]]:
    """Give the market as Alpaca writes bars."""
    columns = (panel.open, panel.high, panel.low, panel.close, panel.volume)
    out: dict[str, list[dict[str, Any]]] = {}
    for place, symbol in enumerate(panel.symbols):
        rows = zip(panel.sessions, *(column[:, place].tolist() for column in columns), strict=True)
        out[symbol] = [
            {"t": f"{day}T05:00:00Z", "o": o, "h": h, "l": low, "c": c, "v": v, "n": 1, "vw": c}
            for day, o, h, low, c, v in rows
            if not isnan(c)
        ]
    return out


@pytest.fixture
def stand_in(bars: dict[str, list[dict[str, Any]]]) -> Iterator[AlpacaBroker]:
    prices = {symbol: Decimal(repr(round(rows[-1]["c"], 2))) for symbol, rows in bars.items() if rows}
    opened = AlpacaBroker(now=datetime.now(UTC), prices=prices, cash=Decimal("54321.09"))
    opened.book.closed = {opened.book.today()}  # orders wait for the next session, whenever this runs
    opened.data.bars, opened.data.bars_a_page = bars, 10_000
    with alpaca_broker_server(opened):
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    folder = tmp_path / "settings"
    folder.mkdir()
    own_settings(folder)
    settings = json.loads((folder / "trading.json").read_text()) if (folder / "trading.json").exists() else {}
    # the stand-in's clock stands still: what a slow start takes must not count as a clock that is off
    own = {"execution": {"entry": "market"}, "clock": {"offset_seconds_max": 60.0}}
    (folder / "trading.json").write_text(json.dumps({**settings, **own}))
    return folder


@pytest.fixture
def state(tmp_path: Path, trained_state: Path) -> Path:
    """Give a state with a ranker of this market, so that no start has to train one."""
    for name in MODELS:
        shutil.copytree(trained_state / name, tmp_path / "state" / name)
    return tmp_path / "state"


def started(stand_in: AlpacaBroker, state: Path, settings: Path, **variables: str) -> Process:
    keys = {"ALPACA_API_KEY": "key", "ALPACA_SECRET_KEY": "secret", "ALPACA_BASE_URL": stand_in.url}
    return Process(state, settings, **{**keys, "DATA_PROVIDER": "auto", **variables})


def test_orders_go_to_alpaca_paper_once_and_a_kill_loses_no_fill(
    stand_in: AlpacaBroker, state: Path, settings: Path
) -> None:
    with started(stand_in, state, settings) as daemon:
        daemon.wait_idle()
        assert daemon.events("engine.built")[0]["orders_go_to"] == "Alpaca paper"
        status = daemon.answer("/status")
        assert status["broker"] == {"mode": "paper", "orders_go_to": "Alpaca paper", "name": "Alpaca paper"}
        assert status["portfolio"]["cash"] == "54321.09"
        assert status["data"]["source"] == "alpaca"
        assert not any("order" in note for note in status["degraded"])
        daemon.answer("/decide/v3", "POST", json={"execute": True})
        sent = daemon.answer("/orders")["orders"]
        assert sent
        assert {row["route"] for row in sent} == {"Alpaca paper"}
        assert {row["status"] for row in sent} == {"submitted"}
        assert daemon.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with stand_in.book.lock:
        opens = stand_in.book.next_session(opens_after=stand_in.book.now)[0]
        Desk(stand_in.book).tick(opens + timedelta(minutes=1), {})
    with started(stand_in, state, settings) as daemon:
        daemon.wait_idle()
        found = daemon.answer("/status")["recovery"]
        assert found["differences"] == []
        assert len(found["mended"]) == len(sent)
        names = {row["client_order_id"] for row in sent}
        now = {row["client_order_id"]: row["status"] for row in daemon.answer("/orders")["orders"]}
        assert {status for name, status in now.items() if name in names} == {"filled"}
        held = daemon.answer("/positions")["positions"]
        resting = {row["protection"]["client_order_id"]: row["protection"] for row in held}
        protective = set(now) - names
        assert {name for name in resting if name} == {n for n in protective if now[n] == "submitted"}
        assert {found["rests_at"] for found in resting.values() if int(float(found["quantity"]))} == {"Alpaca"}
        assert {row["ticker"]: Decimal(row["quantity"]) for row in held} == {
            symbol: holding.quantity for symbol, holding in stand_in.book.holdings.items()
        }
        assert set(stand_in.book.post_attempts.values()) == {1}
        assert set(stand_in.book.post_attempts) == set(now)
        in_one_account_with_a_person(stand_in, daemon)
        by_the_stream(stand_in, daemon)
        assert daemon.end()[0] == 0


def in_one_account_with_a_person(stand_in: AlpacaBroker, daemon: Process) -> None:
    """A person buys in the same account: it is left alone, and offered to a resume that may name it."""
    found = daemon.answer("/reconciliation")
    assert found["agrees"] and found["at"]
    assert Decimal(found["cash"]["ledger"]) == Decimal(found["cash"]["account"])
    with stand_in.book.lock:
        body = {"symbol": "SPY", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
        assert Desk(stand_in.book).submit(body).status == 200
    daemon.answer("/risk/check", "POST")
    found = daemon.answer("/reconciliation")
    assert found["agrees"] and found["left_alone"]["shares"] == {"SPY": "2"}
    assert "SPY" not in {row["ticker"] for row in daemon.answer("/positions")["positions"]}
    resumed = daemon.answer("/resume", "POST")
    assert resumed["taken_over"] == {} and list(resumed["offered"]) == ["SPY"]
    assert daemon.answer("/reconciliation")["left_alone"]["shares"] == {"SPY": "2"}
    assert "ledger and account agree" in daemon.answer("/status")["reconciliation"]


def by_the_stream(stand_in: AlpacaBroker, daemon: Process) -> None:
    """Sell everything: the stream tells of the fills, and no step has to be asked for."""
    daemon.wait(lambda: not any("stream is down" in note for note in daemon.answer("/status")["degraded"]))
    daemon.answer("/flatten", "POST")
    daemon.wait(lambda: not daemon.answer("/positions")["positions"])
    assert set(stand_in.book.holdings) == {"SPY"}, "what is a person's stays"


def test_a_live_account_without_the_switches_gets_no_order(
    stand_in: AlpacaBroker, state: Path, settings: Path
) -> None:
    with started(stand_in, state, settings, ALPACA_PAPER="false") as daemon:
        daemon.wait_idle()
        status = daemon.answer("/status")
        assert status["broker"]["orders_go_to"] == "nowhere: dry run against the live account"
        assert status["portfolio"]["cash"] == "54321.09"
        daemon.answer("/decide/v3", "POST", json={"execute": True})
        assert {row["status"] for row in daemon.answer("/orders")["orders"]} == {"dry_run"}
        assert stand_in.book.orders == {}
        assert stand_in.book.post_attempts == {}


def test_a_stand_in_must_be_on_this_machine(tmp_path: Path) -> None:
    with Process(tmp_path / "state", ALPACA_BASE_URL="http://example.com:80") as daemon:
        assert daemon.ended() == 2
        assert "not the address of a stand-in on this machine" in daemon.log


def test_the_first_order_with_real_money_waits_for_a_person(
    stand_in: AlpacaBroker, state: Path, settings: Path
) -> None:
    mine = json.loads((settings / "trading.json").read_text())
    (settings / "trading.json").write_text(json.dumps({**mine, "broker": {"mode": "live"}}))
    live = {"ALPACA_PAPER": "false", "LIVE_TRADING": "true"}
    with started(stand_in, state, settings, **live) as daemon:
        daemon.wait_idle()
        assert daemon.answer("/status")["broker"]["orders_go_to"] == "Alpaca live"
        assert any("before a person says so" in note for note in daemon.answer("/status")["degraded"])
        refused = daemon.answer("/decide/v3", "POST", json={"execute": True})
        assert refused["orders"] == []
        assert "entries_allowed" in {one["rule"] for one in refused["refused"]}
        (said,) = daemon.events("live.unconfirmed")
        for body in ({}, {"code": "not-it"}):
            assert daemon.http.post("/live/confirm", json=body).status_code == 409
        typed = run("live", said["code"], "--json", TRADING_PORT=str(daemon.port))
        assert json.loads(typed.stdout)["confirmed"] is True, typed.stderr
        sent = daemon.answer("/decide/v3", "POST", json={"execute": True})["orders"]
        assert sent
        assert {order["route"] for order in sent} == {"Alpaca live"}
    with started(stand_in, state, settings, **live) as again:
        again.wait_idle()
        assert again.events("live.unconfirmed") == []
    with started(stand_in, state, settings, **live, ALPACA_API_KEY="another-key") as other:
        other.wait_alive()
        assert len(other.events("live.unconfirmed")) == 1
