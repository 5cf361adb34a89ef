"""The registered agents and strategies, as the settings ask for them, in the daemon and in a backtest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.fitting import Fits, FitsInPlace
from agents.plugins import LoadedAgents, NamedAgent, PluginAgents, PluginParts, load_agents
from agents.strategy import load_strategy
from config.plugins import registered, user_folder
from config.trading import TradingSettings
from core.errors import SettingsError
from core.plugins import FoundPlugins, Plugin, load_file
from core.ports import Team

USER = "user."


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAgents:
    """The agents that are not ours, ready to be asked, and what kept others out."""

    asked: PluginAgents | None
    agents: tuple[NamedAgent, ...] = ()
    faults: tuple[str, ...] = ()


NO_REGISTERED_AGENTS = RegisteredAgents(asked=None)


def registered_agents(
    trading: TradingSettings,
    folder: Path,
    parts: PluginParts,
    fits: Fits | None = None,
    remote: Sequence[NamedAgent] = (),
) -> RegisteredAgents:
    """Load the agents that are not ours.

    Parameters
    ----------
    folder : Path
        The settings' folder; the user's stands beside it.
    fits : Fits or None
        Where the fitted agents come from; None to fit them where they are asked.
    remote : sequence of NamedAgent
        Those that answer over HTTP.
    """
    found = registered("agents", folder)
    loaded: LoadedAgents = load_agents(found.foreign, parts, trading.plugins)
    agents = (*loaded.agents, *remote)
    asked = PluginAgents(agents, trading.plugins, fits or FitsInPlace()) if agents else None
    return RegisteredAgents(asked=asked, agents=agents, faults=(*found.faults, *loaded.faults))


def registered_strategy(trading: TradingSettings, folder: Path, parts: PluginParts) -> Team:
    """Load the strategy that the settings name.

    Raises
    ------
    core.errors.SettingsError
        When there is none of that name, or it cannot be made.
    """
    return load_strategy(strategy_plugin(trading.strategy, folder), parts, trading.plugins)


def strategy_plugin(name: str, folder: Path) -> Plugin:
    """Return the strategy of a name, or of `user.FILE:CLASS`."""
    found: FoundPlugins = registered("strategies", folder)
    module, _, attribute = name.partition(":")
    if not attribute:
        return found.registry.find(name)
    path = user_folder(folder).joinpath(*module.removeprefix(USER).split(".")).with_suffix(".py")
    if not (module.startswith(USER) and path.is_file()):
        raise SettingsError(
            f"trading.json: strategy {name!r} is not to be found (looked for {path}).",
            hint="Write user.FILE:CLASS for a class in a file of the folder user, or a registered name: "
            f"{', '.join(found.registry.names)}.",
        )
    return Plugin(
        kind="strategies",
        name=name,
        origin=str(path),
        version="",
        load=partial(_class_of, path, module, attribute),
    )


def _class_of(path: Path, module: str, attribute: str) -> Callable[..., object]:
    found: Callable[..., object] = getattr(load_file(path, module), attribute)
    return found
