from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from adapters.calendar import NyseCalendar
from adapters.feeds.choose import ChosenSource, SourceRequest, choose_source
from config.environment import Environment
from config.trading import DataSettings
from config.universe import read_default
from core.errors import SettingsError
from tests.servers.yahoo import Row, Yahoo, yahoo_server

CALENDAR = NyseCalendar()
SETTINGS = DataSettings(history_years=2)
NOW = datetime(2024, 2, 21, 12, tzinfo=UTC)
UNIVERSE = read_default().only(("AAPL",))
SYMBOLS = UNIVERSE.symbols
KEYS = {"alpaca_key": SecretStr("key"), "alpaca_secret": SecretStr("secret")}


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    rows: list[Row] = [
        (day, 99.0, 101.0, 98.0, 100.0, 100.0, 10**6)
        for day, *_ in CALENDAR.sessions(date(2022, 1, 3), date(2024, 2, 20))
    ]
    with yahoo_server(Yahoo(rows=dict.fromkeys(SYMBOLS, rows))) as server:
        yield server


def dead_session() -> requests.Session:
    with yahoo_server(Yahoo()) as gone:
        pass
    return gone.session()


def choose(environment: Environment, *, route_is_builtin: bool = True, **more: object) -> ChosenSource:
    request = SourceRequest(
        environment=environment, settings=SETTINGS, universe=UNIVERSE, calendar=CALENDAR,
        route_is_builtin=route_is_builtin, now=NOW, **more,  # type: ignore[arg-type]  # kept short
    )  # fmt: skip
    return choose_source(request)


def env(tmp_path: Path, provider: str = "auto", **values: object) -> Environment:
    return Environment(provider=provider, state_dir=tmp_path, **values)  # type: ignore[arg-type]  # kept short


@pytest.mark.parametrize("provider", ["simulated", "parquet"])
def test_a_real_broker_never_sees_invented_or_recorded_prices(tmp_path: Path, provider: str) -> None:
    with pytest.raises(SettingsError, match="orders go to a real broker"):
        choose(env(tmp_path, provider), route_is_builtin=False)


def test_what_is_asked_for_is_given(tmp_path: Path) -> None:
    def name_of(environment: Environment) -> str:
        return choose(environment).source.name

    assert name_of(env(tmp_path, "simulated")) == "simulated"
    assert name_of(env(tmp_path, "parquet", parquet_path=tmp_path / "a.parquet")) == "parquet"
    assert name_of(env(tmp_path, "yfinance")) == "yfinance"
    assert name_of(env(tmp_path, "alpaca", **KEYS)) == "alpaca"
    assert name_of(env(tmp_path, "auto", **KEYS)) == "alpaca"


def test_auto_without_keys_is_yahoo_when_yahoo_answers(tmp_path: Path, yahoo: Yahoo) -> None:
    choice = choose(env(tmp_path), session=yahoo.session())
    assert choice.source.name == "yfinance" and choice.notes == () and choice.headlines is None
    assert {symbol for symbol, _ in yahoo.asked} == {"SPY"}


def test_auto_without_keys_or_network_is_the_simulated_market_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        choice = choose(env(tmp_path), session=dead_session())
    assert choice.source.name == "simulated" and choice.headlines is not None
    assert "SIMULATED MARKET" in choice.notes[0] and "SIMULATED MARKET" in caplog.text


def test_no_network_and_a_real_broker_is_a_refusal_to_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="never fed simulated prices"):
        choose(env(tmp_path), route_is_builtin=False, session=dead_session())


def test_fresh_bars_on_disk_need_no_network(tmp_path: Path, yahoo: Yahoo) -> None:
    first = choose(env(tmp_path), session=yahoo.session())
    first.source.bars(SYMBOLS, date(2022, 2, 1), date(2024, 2, 20))
    again = choose(env(tmp_path), session=dead_session())
    assert again.source.name == "yfinance" and again.notes == ()
    assert len(again.source.bars(SYMBOLS, date(2022, 2, 20), date(2024, 2, 20)).sessions) > 480
