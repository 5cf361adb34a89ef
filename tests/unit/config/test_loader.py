"""Settings: layers, refusals with the nearest name, the four exports, where orders go, watched limits."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from config import RISK_CONFIG, SECTOR_MAP, SECTOR_SCAN_CONFIG, SWING_EXIT_CONFIG
from config.broker import BrokerSettings
from config.environment import OrderRoute, order_route, read_environment
from config.loader import FOLDER, digest, load_risk, load_trading, validate
from config.risk import RiskSettings
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.errors import SettingsError
from tests.default_universe import ETFS, STOCKS

KEYS = {"ALPACA_API_KEY": "key", "ALPACA_SECRET_KEY": "hidden"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    shutil.copytree(FOLDER / "profiles", tmp_path / "profiles")
    return tmp_path


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def test_the_committed_defaults_are_the_defaults() -> None:
    assert load_trading(FOLDER) == TradingSettings()
    assert load_risk(FOLDER) == RiskSettings()


def test_the_contract_numbers() -> None:
    risk, trading = RiskSettings(), TradingSettings()
    assert SWING_EXIT_CONFIG["max_hold_days"] == 10
    assert SWING_EXIT_CONFIG["min_profit_pct"] == 0.01
    assert (SWING_EXIT_CONFIG["stop_loss_pct"], SWING_EXIT_CONFIG["take_profit_pct"]) == (-0.03, 0.05)
    assert SWING_EXIT_CONFIG["consecutive_miss_limit"] == 3
    assert (RISK_CONFIG["stop_loss_pct"], RISK_CONFIG["take_profit_pct"]) == (-0.025, 0.04)
    assert (RISK_CONFIG["max_position_pct"], RISK_CONFIG["max_daily_trades"]) == (0.15, 20)
    assert (RISK_CONFIG["take_profit_atr"], RISK_CONFIG["stop_loss_atr"]) == (2.5, 1.5)
    assert RISK_CONFIG["trailing_stop_atr"] == 2.0
    assert SECTOR_SCAN_CONFIG["lookback_weeks"] == (4, 12, 26)
    assert (SECTOR_SCAN_CONFIG["top_sectors"], SECTOR_SCAN_CONFIG["stocks_per_sector"]) == (3, 5)
    assert (risk.position_sizing.kelly_fraction, risk.portfolio_limits.max_positions) == (0.25, 10)
    assert (risk.portfolio_limits.max_exposure_pct, risk.daily_limits.max_daily_loss_pct) == (0.80, -0.02)
    assert risk.circuit_breakers.max_drawdown_pct == -0.10
    assert trading.server.port == 8787
    assert trading.broker.mode == "paper"


def test_the_universe() -> None:
    assert len(SECTOR_MAP) == len(ETFS) == 14
    assert len(STOCKS) == len(set(STOCKS)) == 64


def test_own_file_wins_over_default_and_dotted_keys_unfold(folder: Path) -> None:
    write(folder / "trading.json", {"server.port": 9000, "watchlist": {"tickers": ["AAPL"]}})
    settings = load_trading(folder)
    assert settings.server.port == 9000
    assert settings.watchlist.tickers == ("AAPL",)
    assert settings.quant == TradingSettings().quant


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"server": {"prot": 1}}, "unknown key server.prot; the nearest known name is server.port"),
        ({"sever": {}}, "the nearest known name is server"),
        ({"server": {"port": "8787"}}, "server.port"),
        ({"server": {"port": 0}}, "greater than or equal to 1"),
        ({"watchlist": {"tickers": ["AAPL", "not a ticker"]}}, "is not a ticker"),
        ({"universe": 5}, "universe"),
        ({"quant": {"purge_sessions": 5}}, "shorter than horizon_sessions"),
        ({"broker": {"mode": "real"}}, "broker.mode"),
    ],
)
def test_a_wrong_key_is_named(folder: Path, content: object, words: str) -> None:
    write(folder / "trading.json", content)
    with pytest.raises(SettingsError, match=r"trading\.json") as caught:
        load_trading(folder)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"server": NaN}'])
def test_a_file_that_is_no_settings_is_refused(folder: Path, text: str) -> None:
    (folder / "trading.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        load_trading(folder)


def test_an_unknown_profile_is_refused(folder: Path) -> None:
    write(folder / "trading.json", {"profile": "lucky"})
    with pytest.raises(SettingsError, match="profile"):
        load_trading(folder)


def test_a_profile_by_its_old_name_is_taken_with_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_trading(folder, "diversified") == load_trading(folder, "measured")
    assert load_risk(folder, "diversified") == load_risk(folder, "measured") != RiskSettings()
    assert "The profile measured is called diversified now" in caplog.text
    write(folder / "trading.json", {"profile": "measured"})
    assert load_trading(folder).profile == "diversified"
    assert load_trading(folder).synthesizer.allocation == "diversified"


def test_every_profile_loads(folder: Path) -> None:
    profiles = sorted((FOLDER / "profiles").glob("*.json"))
    assert {path.stem for path in profiles} >= {"runbook", "baseline", "diversified"}
    for path in profiles:
        write(folder / "trading.json", {"profile": path.stem})
        assert load_trading(folder).profile == path.stem
        load_risk(folder, path.stem)


def test_null_switches_a_rule_off(folder: Path) -> None:
    rules = {
        "portfolio_limits": ("max_positions", "max_sector_pct", "min_order_usd", "min_resize_pct"),
        "position_sizing": ("min_position_pct",),
        "daily_limits": ("max_daily_loss_pct", "max_daily_trades"),
        "circuit_breakers": ("max_drawdown_pct", "max_consecutive_faults"),
        "swing_exit": ("stop_loss_pct", "take_profit_pct", "max_hold_days", "consecutive_miss_limit"),
        "risk_check": (
            "stop_loss_pct", "take_profit_pct", "trailing_stop_atr", "stop_loss_atr", "take_profit_atr",
        ),
    }  # fmt: skip
    write(folder / "risk.json", {part: dict.fromkeys(names) for part, names in rules.items()})
    off = load_risk(folder).model_dump()
    assert all(off[part][name] is None for part, names in rules.items() for name in names)
    write(folder / "risk.json", {"portfolio_limits.max_exposure_pct": None})
    with pytest.raises(SettingsError, match="max_exposure_pct"):
        load_risk(folder)


def test_digest_changes_with_a_value() -> None:
    base = RiskSettings()
    other = RiskSettings.model_validate({"daily_limits": {"max_daily_trades": 19}})
    assert digest(base) == digest(RiskSettings())
    assert digest(base) != digest(other)


def test_an_edit_of_the_watched_file_takes_effect_and_a_bad_one_does_not(folder: Path) -> None:
    watched = WatchedRisk(folder)
    assert not watched.refresh()
    content = json.loads((folder / "risk.default.json").read_text("utf-8"))
    content["daily_limits"]["max_daily_loss_pct"] = 0
    write(folder / "risk.default.json", content)
    assert watched.refresh()
    assert watched.settings.daily_limits.max_daily_loss_pct == 0
    write(folder / "risk.json", {"daily_limits": {"max_daily_loss_pct": 0.5}})
    assert watched.refresh()
    assert "old limits stay in force" in watched.fault
    assert watched.settings.daily_limits.max_daily_loss_pct == 0
    (folder / "risk.json").unlink()
    assert watched.refresh()
    assert watched.fault == ""


@pytest.mark.parametrize(
    ("variables", "mode", "route"),
    [
        ({}, "paper", OrderRoute.PAPER_BUILTIN),
        ({"ALPACA_PAPER": "false"}, "paper", OrderRoute.PAPER_BUILTIN),
        (KEYS, "paper", OrderRoute.ALPACA_PAPER),
        (KEYS | {"LIVE_TRADING": "true"}, "live", OrderRoute.ALPACA_PAPER),
        (KEYS | {"ALPACA_PAPER": "false", "LIVE_TRADING": "true"}, "live", OrderRoute.ALPACA_LIVE),
        (KEYS | {"ALPACA_PAPER": "false", "LIVE_TRADING": "true"}, "paper", OrderRoute.DRY_RUN),
        (KEYS | {"ALPACA_PAPER": "false"}, "live", OrderRoute.DRY_RUN),
        (KEYS | {"ALPACA_PAPER": "false"}, "paper", OrderRoute.DRY_RUN),
    ],
)
def test_where_orders_go(variables: dict[str, str], mode: str, route: OrderRoute) -> None:
    trading = TradingSettings(broker=BrokerSettings(mode=mode))  # type: ignore[arg-type]  # parametrized
    assert order_route(read_environment(variables), trading) is route


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({"LIVE_TRADING": "true"}, "paper"),
        ({}, "live"),
        (KEYS | {"DATA_PROVIDER": "simulated"}, "paper"),
    ],
)
def test_orders_that_may_go_nowhere(variables: dict[str, str], mode: str) -> None:
    trading = TradingSettings(broker=BrokerSettings(mode=mode))  # type: ignore[arg-type]  # parametrized
    with pytest.raises(SettingsError):
        order_route(read_environment(variables), trading)


@pytest.mark.parametrize(
    "variables",
    [
        {"ALPACA_API_KEY": "key"},
        {"ALPACA_SECRET_KEY": "hidden"},
        {"TRADING_HOST": "0.0.0.0"},  # noqa: S104  # the point of the test
        {"ALPACA_PAPER": "maybe"},
        {"TRADING_PORT": "70000"},
        {"TRADING_PORT": "http"},
        {"DATA_PROVIDER": "bloomberg"},
        {"DATA_PROVIDER": "parquet:/nowhere.parquet"},
        {"DATA_PROVIDER": "alpaca"},
    ],
)
def test_a_bad_environment_stops_the_start(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_environment(variables)


def test_secrets_do_not_print() -> None:
    environment = read_environment(KEYS | {"TRADING_API_TOKEN": "hush-token", "NEO4J_PASSWORD": "hush-neo"})
    assert "hidden" not in repr(environment)
    assert "hush" not in repr(environment)


@pytest.mark.parametrize(
    "content",
    [
        {"notify": {"urls": "tgram://hunter2"}},
        {"notify": {"urls": [["tgram://hunter2"]]}},
        {"heartbeat": {"url": ["hunter2"]}},
    ],
)
def test_an_address_that_is_a_secret_is_not_shown_when_it_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="not shown") as refused:
        validate(TradingSettings, content, "trading.json")
    assert "hunter2" not in str(refused.value)
    shown = validate(TradingSettings, {"notify": {"urls": ["tgram://hunter2"]}}, "trading.json")
    assert "hunter2" not in repr(shown) + shown.model_dump_json()
