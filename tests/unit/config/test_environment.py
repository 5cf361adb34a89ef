"""Variables: numbers are ASCII digits, and one that looks like ours and is none is named, its value never."""

from __future__ import annotations

import pytest

from config.broker import BrokerSettings
from config.environment import OrderRoute, order_route, read_environment, secrets_in
from config.notify import HeartbeatSettings
from config.trading import TradingSettings
from core.errors import SettingsError

KEYS = {"ALPACA_API_KEY": "key", "ALPACA_SECRET_KEY": "secret"}


@pytest.mark.parametrize(
    "port", ["²", "８７８７", "٨٧٨٧", "8787²", "+8787", "8_787", "8787.0", "1e3", "0", "65536", "9" * 5000]
)
def test_a_port_that_is_none_stops_the_start(port: str) -> None:
    with pytest.raises(SettingsError, match=r"TRADING_PORT=.* is not a port"):
        read_environment({"TRADING_PORT": port})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ENABLE_CORN", "ENABLE_CRON"),
        ("enable_cron", "ENABLE_CRON"),
        ("ENABLECRON", "ENABLE_CRON"),
        ("LIVE_TRADNG", "LIVE_TRADING"),
        ("ALPACA_SECRET", "ALPACA_SECRET_KEY"),
        ("ALPACA_KEY", "ALPACA_API_KEY"),
        ("DATA_PROVIDERS", "DATA_PROVIDER"),
        ("TRADING_PROT", "TRADING_PORT"),
        ("TRADING_TOKEN", "TRADING_API_TOKEN"),
        ("TRADING_SOMETHING_ELSE", "TRADING"),
        ("NEO4J_URL", "NEO4J_URI"),
        ("STATE_DIRS", "STATE_DIR"),
        ("FINBERT_PAHT", "FINBERT_PATH"),
    ],
)
def test_a_variable_that_looks_like_ours_is_named_with_the_nearest(name: str, meant: str) -> None:
    (told,) = read_environment({name: "hush", "ENABLE_CRON": "true"}).unknown
    assert told.startswith(f"{name} is set and is no variable of the engine")
    assert meant in told
    assert "hush" not in told


def test_others_variables_and_our_own_are_left_alone() -> None:
    others = (
        "PATH", "HOME", "LANG", "PWD", "SHELL", "USER", "TERM", "PYTHONPATH", "VIRTUAL_ENV", "HTTP_PROXY",
        "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM", "HOSTNAME", "HF_HOME",
        "OMP_NUM_THREADS", "NOTIFY_SOCKET", "DATABASE_URL", "API_KEY", "SECRET_KEY", "DOCKER_HOST", "NEO4J_HOME",
        "NEO4J_AUTH", "ENABLE_LOGGING", "SSH_AUTH_SOCK", "XDG_STATE_HOME",
    )  # fmt: skip
    ours = {
        "TRADING_HOST": "127.0.0.1", "TRADING_PORT": "8787", "TRADING_API_TOKEN": "t" * 20, "ENABLE_CRON": "no",
        "LIVE_TRADING": "no", "ALPACA_PAPER": "true", "DATA_PROVIDER": "simulated", "STATE_DIR": "state",
        "NEO4J_URI": "bolt://127.0.0.1", "NEO4J_USER": "neo4j", "NEO4J_PASSWORD": "p" * 20, "FINBERT_PATH": "x",
        "TRADING_LEAVE_WITH_STDIN": "no", "ALPACA_BASE_URL": "", "ALPACA_API_KEY": "", "ALPACA_SECRET_KEY": "",
    }  # fmt: skip
    assert read_environment({**dict.fromkeys(others, "1"), **ours}).unknown == ()


def test_who_is_told_is_a_secret_in_every_output() -> None:
    variables = {
        "NOTIFY_URLS": "tgram://token-a/1 ntfy://topic-b",
        "HEARTBEAT_URL": "https://ping.example/uuid-c",
    }
    environment = read_environment(variables)
    assert [url.get_secret_value() for url in environment.notify_urls] == ["tgram://token-a/1", "ntfy://topic-b"]
    text = " ".join(variables.values())
    assert environment.secret_mask().text(text) == "[secret] [secret] [secret]"
    assert set(secrets_in(variables)) == set(text.split())
    assert not any(url in repr(environment) for url in text.split())


@pytest.mark.parametrize(
    ("name", "more", "route"),
    [
        ("paper", {}, OrderRoute.PAPER_BUILTIN),
        ("paper", KEYS, OrderRoute.PAPER_BUILTIN),
        ("alpaca", KEYS, OrderRoute.ALPACA_PAPER),
        ("dry_run", KEYS, OrderRoute.DRY_RUN),
        ("dry_run", {**KEYS, "ALPACA_PAPER": "false", "LIVE_TRADING": "true"}, OrderRoute.DRY_RUN),
        ("alpaca", {**KEYS, "ALPACA_PAPER": "false", "LIVE_TRADING": "true"}, OrderRoute.ALPACA_LIVE),
        ("bank", {}, OrderRoute.OWN),
        ("bank", KEYS, OrderRoute.OWN),
    ],
)
def test_a_broker_is_chosen_by_name_within_the_switches(
    name: str, more: dict[str, str], route: OrderRoute
) -> None:
    broker = BrokerSettings(name=name, mode="live" if "LIVE_TRADING" in more else "paper")
    trading = TradingSettings(broker=broker)
    assert order_route(read_environment(more), trading) is route


@pytest.mark.parametrize(
    ("name", "more"), [("alpaca", {}), ("dry_run", {}), ("paper", {**KEYS, "LIVE_TRADING": "true"})]
)
def test_a_name_that_the_keys_or_switches_contradict_is_refused(name: str, more: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"broker\.name"):
        order_route(read_environment(more), TradingSettings(broker=BrokerSettings(name=name)))


@pytest.mark.parametrize("url", ["ftp://ping.example/secret", "ping.example/secret", "/secret"])
def test_a_heartbeat_that_cannot_be_asked_over_http_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="HEARTBEAT_URL: an address begins with http") as refused:
        read_environment({"HEARTBEAT_URL": url})
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="an address begins with http"):
        HeartbeatSettings.model_validate({"url": url})
