"""The environment variables, and where orders go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from config.notify import WEB_ADDRESS, web_address
from config.plugins import OUR_PLUGINS, registered
from config.trading import TradingSettings
from config.unknown_variables import AskedFor, unknown_variables
from core.errors import SettingsError
from core.masking import SecretMask
from core.registry import nearest_name

ROOT = Path(__file__).parent.parent
TOKEN_CHARACTERS_MIN = 16  # off loopback
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FOLDER = Path(__file__).parent


class OrderRoute(StrEnum):
    """Where orders go. Real money needs three switches that agree."""

    PAPER_BUILTIN = "built-in paper broker"
    ALPACA_PAPER = "Alpaca paper"
    ALPACA_LIVE = "Alpaca live"
    DRY_RUN = "nowhere: dry run against the live account"
    OWN = "a broker of your own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of the environment.

    Attributes
    ----------
    provider : str
        `auto`, `yfinance`, `alpaca`, `parquet`, `simulated`, or a feed of one's own.
    parquet_path : Path or None
        The file of `DATA_PROVIDER=parquet:PATH`.
    state_dir : Path
        Ledger and caches.
    alpaca_base_url : str or None
        Where Alpaca's API is instead of at Alpaca: a stand-in on this machine, for tests.
    artefact_dir : Path
        Trained models; the project's own `models/` unless STATE_DIR is set.
    notify_urls : tuple of SecretStr
        Who is told; none: those of `notify.urls`.
    heartbeat_url : SecretStr or None
        The dead man's switch; None: that of `heartbeat.url`.
    leave_with_stdin : bool
        Stop when standard input ends: a parent holds its other end, and is gone then.
    unknown : tuple of str
        What was set that looks like a variable of the engine and is none, in words.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    token: SecretStr | None = None
    alpaca_key: SecretStr | None = None
    alpaca_secret: SecretStr | None = None
    alpaca_paper: bool = True
    alpaca_base_url: str | None = None
    live_trading: bool = False
    enable_cron: bool = False
    provider: str = "auto"
    parquet_path: Path | None = None
    state_dir: Path = ROOT / "state"
    artefact_dir: Path = ROOT / "models"
    leave_with_stdin: bool = False
    neo4j_uri: str | None = None
    neo4j_user: str | None = None
    neo4j_password: SecretStr | None = field(default=None, repr=False)
    notify_urls: tuple[SecretStr, ...] = ()
    heartbeat_url: SecretStr | None = None
    unknown: tuple[str, ...] = ()

    @property
    def has_alpaca_keys(self) -> bool:
        """Whether both Alpaca keys are set."""
        return self.alpaca_key is not None and self.alpaca_secret is not None

    def secret_mask(self) -> SecretMask:
        """Return what masks the secrets at an edge."""
        held = (self.token, self.alpaca_key, self.alpaca_secret, self.neo4j_password, self.heartbeat_url)
        in_address = urlsplit(self.neo4j_uri or "").password
        return SecretMask(
            [*(one.get_secret_value() for one in (*held, *self.notify_urls) if one), in_address or ""]
        )


def read_environment(variables: Mapping[str, str], folder: Path = FOLDER) -> Environment:
    """Read and check the contract's variables.

    Parameters
    ----------
    folder : Path
        The settings' folder; the user's, with feeds of one's own, stands beside it.

    Raises
    ------
    SettingsError
        For a value that cannot be used, half a pair of keys, or an open host without a token.
    """
    given = variables
    variables = AskedFor(
        {name: value.strip() for name, value in given.items() if value.strip()}
    )  # blank: not set
    env = Environment(
        host=variables.get("TRADING_HOST") or "127.0.0.1",
        port=_port(variables),
        token=_secret(variables, "TRADING_API_TOKEN"),
        alpaca_key=_secret(variables, "ALPACA_API_KEY"),
        alpaca_secret=_secret(variables, "ALPACA_SECRET_KEY"),
        alpaca_paper=_flag(variables, "ALPACA_PAPER", default="true"),
        alpaca_base_url=_local_url(variables, "ALPACA_BASE_URL"),
        live_trading=_flag(variables, "LIVE_TRADING", default="false"),
        enable_cron=_flag(variables, "ENABLE_CRON", default="false"),
        provider=_provider(variables, folder)[0],
        parquet_path=_provider(variables, folder)[1],
        state_dir=Path(variables.get("STATE_DIR") or ROOT / "state"),
        artefact_dir=Path(variables["STATE_DIR"]) / "models" if variables.get("STATE_DIR") else ROOT / "models",
        leave_with_stdin=_flag(variables, "TRADING_LEAVE_WITH_STDIN", default="false"),
        neo4j_uri=variables.get("NEO4J_URI") or None,
        neo4j_user=variables.get("NEO4J_USER") or None,
        neo4j_password=_secret(variables, "NEO4J_PASSWORD"),
        notify_urls=tuple(SecretStr(url) for url in _urls(variables)),
        heartbeat_url=_heartbeat(variables),
    )
    _require_sound(env)
    return replace(env, unknown=unknown_variables(given, variables.names))


def _require_sound(env: Environment) -> None:
    """Refuse half a pair of keys, and an open host without a strong token."""
    if (env.alpaca_key is None) != (env.alpaca_secret is None):
        missing = "ALPACA_SECRET_KEY" if env.alpaca_secret is None else "ALPACA_API_KEY"
        raise SettingsError(
            f"Only one of the two Alpaca keys is set: {missing} is missing.",
            hint="Set both for Alpaca, or neither for the built-in paper broker.",
        )
    if env.host not in LOOPBACK and env.token is None:
        raise SettingsError(
            f"TRADING_HOST={env.host} is reachable by others and TRADING_API_TOKEN is not set.",
            hint="Set TRADING_API_TOKEN, or listen on 127.0.0.1.",
        )
    if env.host not in LOOPBACK and env.token is not None:
        _require_strong(env.token)
    if env.provider == "alpaca" and not env.has_alpaca_keys:
        raise SettingsError("DATA_PROVIDER=alpaca needs ALPACA_API_KEY and ALPACA_SECRET_KEY.")


def order_route(env: Environment, trading: TradingSettings) -> OrderRoute:
    """Decide where orders go, by the contract's table.

    Raises
    ------
    SettingsError
        When live trading is asked for without keys, or a real broker would see invented prices.
    """
    wants_live, chosen = env.live_trading or trading.broker.mode == "live", trading.broker.name
    if chosen and chosen not in OUR_PLUGINS["brokers"]:
        return OrderRoute.OWN
    _require_agreement(env, chosen, wants_live=wants_live)
    if chosen == "paper":
        return OrderRoute.PAPER_BUILTIN
    if not env.has_alpaca_keys:
        if wants_live:
            raise SettingsError(
                "Live trading is asked for (LIVE_TRADING or broker.mode) but there are no Alpaca keys.",
                hint="Set ALPACA_API_KEY and ALPACA_SECRET_KEY, or unset LIVE_TRADING and use broker.mode paper.",
            )
        return OrderRoute.PAPER_BUILTIN
    if env.provider in ("simulated", "parquet"):
        raise SettingsError(
            f"DATA_PROVIDER={env.provider} feeds invented or recorded prices, and the Alpaca keys are set.",
            hint="Unset the keys to use the built-in paper broker, or use DATA_PROVIDER=auto.",
        )
    if env.alpaca_paper and chosen != "dry_run":
        return OrderRoute.ALPACA_PAPER
    live = env.live_trading and trading.broker.mode == "live" and chosen != "dry_run"
    return OrderRoute.ALPACA_LIVE if live else OrderRoute.DRY_RUN


def _require_agreement(env: Environment, chosen: str, *, wants_live: bool) -> None:
    """Refuse a broker by name that the keys and switches contradict."""
    if chosen == "paper" and wants_live:
        raise SettingsError(
            "Live trading is asked for (LIVE_TRADING or broker.mode) and broker.name is paper: they contradict.",
            hint="Unset LIVE_TRADING and use broker.mode paper, or take broker.name out of trading.json.",
        )
    if chosen in ("alpaca", "dry_run") and not env.has_alpaca_keys:
        raise SettingsError(
            f"broker.name is {chosen} and there are no Alpaca keys.",
            hint="Set ALPACA_API_KEY and ALPACA_SECRET_KEY, or take broker.name out of trading.json.",
        )


def _flag(variables: Mapping[str, str], name: str, *, default: str) -> bool:
    value = (variables.get(name) or default).strip().lower()
    if value in ("true", "1", "yes", "on"):
        return True
    if value in ("false", "0", "no", "off"):
        return False
    raise SettingsError(f"{name}={value} is neither true nor false.", hint=f"Set {name}=true or {name}=false.")


def _require_strong(token: SecretStr) -> None:
    """Refuse a token that strangers could guess."""
    if len(token.get_secret_value()) < TOKEN_CHARACTERS_MIN:
        raise SettingsError(
            f"TRADING_API_TOKEN is shorter than {TOKEN_CHARACTERS_MIN} characters; TRADING_HOST is open to all.",
            hint="Make one (python -c 'import secrets; print(secrets.token_urlsafe())'), or listen on 127.0.0.1.",
        )


PRIVATE = 0o077  # the umask of every program of ours: what it writes is its user's alone
SECRETS = ("TRADING_API_TOKEN", "ALPACA_API_KEY", "ALPACA_SECRET_KEY", "NEO4J_PASSWORD", "HEARTBEAT_URL")


def secrets_in(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Give the secrets' texts, for those who must leave them out of what they write."""
    set_ones = (variables[name] for name in SECRETS if variables.get(name, "").strip())
    in_address = urlsplit(variables.get("NEO4J_URI", "")).password
    return (*set_ones, *([in_address] if in_address else []), *_urls(variables))


def _urls(variables: Mapping[str, str]) -> list[str]:
    """Read the receivers of NOTIFY_URLS, with white space between them: an address may hold a comma."""
    return (variables.get("NOTIFY_URLS") or "").split()


def _secret(variables: Mapping[str, str], name: str) -> SecretStr | None:
    value = variables.get(name)
    return SecretStr(value) if value else None


def _heartbeat(variables: Mapping[str, str]) -> SecretStr | None:
    url = _secret(variables, "HEARTBEAT_URL")
    try:
        return web_address(url) if url else None
    except ValueError as error:
        raise SettingsError(
            f"HEARTBEAT_URL: {WEB_ADDRESS}.", hint="Without it nobody would miss the engine."
        ) from error


def _local_url(variables: Mapping[str, str], name: str) -> str | None:
    """Read an address on this machine: keys and orders must not be led elsewhere by a variable."""
    value = (variables.get(name) or "").rstrip("/")
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.path:
        raise SettingsError(
            f"{name}={value} is not the address of a stand-in on this machine.",
            hint=f"Use http://127.0.0.1:PORT, or unset {name} for Alpaca itself.",
        )
    return value


def _port(variables: Mapping[str, str]) -> int | None:
    value = variables.get("TRADING_PORT")
    if not value:
        return None
    if not (re.fullmatch("[0-9]{1,5}", value) and 1 <= int(value) <= 65535):  # isdigit() takes ² for one
        raise SettingsError(f"TRADING_PORT={value} is not a port.", hint="Use a number from 1 to 65535.")
    return int(value)


def _provider(variables: Mapping[str, str], folder: Path) -> tuple[str, Path | None]:
    value = variables.get("DATA_PROVIDER") or "auto"
    name, _, path = value.partition(":")
    if name == "parquet" and path:
        if not Path(path).is_file():
            raise SettingsError(f"DATA_PROVIDER={value}: there is no file at {Path(path).resolve()}.")
        return "parquet", Path(path)
    if value in OUR_PLUGINS["feeds"] and value != "parquet":
        return value, None
    known = registered("feeds", folder).registry.names
    if value == "parquet" or value not in known:
        named = ", ".join(name for name in known if name != "parquet")
        raise SettingsError(
            f"DATA_PROVIDER={value} is not known; the nearest known name is {nearest_name(value, known)}.",
            hint=f"Use one of {named} or parquet:PATH.",
        )
    return value, None
