"""Plug-ins: the bounds they run in, the agents that answer over HTTP, and the names of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from config.frozen import Frozen
from core.plugins import FoundPlugins, find_plugins


class PluginSettings(Frozen):
    """What the user's own agents and strategies may cost; beyond it they abstain, and the step goes on.

    Attributes
    ----------
    deadline_seconds : float
        For one answer in a step.
    load_seconds_max : float
        For running a plug-in's file at the start.
    fit_seconds_max : float
        For one `fit`.
    check_seconds_max : float
        For the check for look-ahead at the start, in a child process.
    memory_mb_max : float
        By how much one call may raise the most memory the process ever held, MB; looked at each 50 ms.
    """

    deadline_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    load_seconds_max: Annotated[float, Field(gt=0, le=600)] = 60.0
    fit_seconds_max: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    check_seconds_max: Annotated[float, Field(gt=0, le=3_600)] = 120.0
    memory_mb_max: Annotated[float, Field(gt=0)] = 1024.0


class RemoteAgentSettings(Frozen):
    """An agent that answers over HTTP.

    It may know the past, as a language model does: a backtest leaves it out and says so, and only what it says
    from its registration on is evidence.

    Attributes
    ----------
    url : str
        Where the view's summary is posted to as JSON.
    secret : SecretStr or None
        Sent as a bearer token, so that the agent knows who asks.
    sessions : int
        How many of the last closes each symbol's summary has.
    """

    url: str = Field(repr=False)
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    secret: SecretStr | None = None
    sessions: Annotated[int, Field(ge=1, le=504)] = 63

    @field_validator("url")
    @classmethod
    def http(cls, url: str) -> str:
        """Refuse what is not the address of an HTTP server."""
        if not url.startswith(("http://", "https://")) or len(url) > 2000:
            raise ValueError("it is no address that begins with http:// or https://")
        return url


OUR_PLUGINS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "agents": {
            "market": "agents.market:MarketAgent",
            "momentum": "agents.market:MomentumAgent",
            "quant": "agents.quant:QuantAgent",
            "regime": "agents.market:RegimeAgent",
            "rl": "agents.rl:RlAgent",
            "rl_members": "agents.rl:RlMembersAgent",
            "rsi": "agents.market:RsiAgent",
            "sentiment": "agents.sentiment:SentimentAgent",
        },
        "strategies": {
            "team": "agents.team:Agents",
            "top_of_universe": "agents.top_of_universe:TopNStrategy",
        },
        "brokers": {
            "paper": "daemon.wiring.our_brokers:PaperRoute",
            "alpaca": "daemon.wiring.our_brokers:AlpacaRoute",
            "dry_run": "daemon.wiring.our_brokers:DryRunRoute",
        },
        "feeds": {
            "auto": "adapters.feeds.providers:Auto",
            "yfinance": "adapters.feeds.providers:Yfinance",
            "alpaca": "adapters.feeds.providers:Alpaca",
            "parquet": "adapters.feeds.providers:Recorded",
            "simulated": "adapters.feeds.providers:Simulated",
        },
        "notifiers": {"apprise": "adapters.notify.receivers:AppriseReceivers"},
    }
)
"""The plug-ins that come with the engine: `module:attribute` by name, of each kind in `core.plugins.KINDS`."""


def registered(kind: str, folder: Path) -> FoundPlugins:
    """List a kind's plug-ins: ours, installed packages', and the user's beside the settings' folder."""
    return find_plugins(kind, OUR_PLUGINS[kind], user_folder(folder))


def user_folder(folder: Path) -> Path:
    """Return what the user owns: the folder `user` beside the settings' folder."""
    return folder.parent / "user"
