"""The names in the settings that must be those of registered plug-ins."""

from __future__ import annotations

from pathlib import Path

from config.plugins import OUR_PLUGINS, registered
from config.trading import TradingSettings
from core.errors import SettingsError
from core.registry import nearest_name


def require_known_agents(trading: TradingSettings, folder: Path) -> None:
    """Refuse a weight for an agent that is not registered, and a remote agent with a name that is taken.

    Parameters
    ----------
    folder : Path
        The settings' folder; the user's stands beside it.

    Raises
    ------
    core.errors.SettingsError
        With the nearest known name.
    """
    found = registered("agents", folder)
    taken = sorted({*found.registry.names} & {*trading.agents})
    if taken:
        raise SettingsError(
            f"trading.json: agents.{taken[0]} has the name of an agent that is registered already "
            f"({found.registry.find(taken[0]).origin}).",
            hint="Give it another name.",
        )
    known = (*found.registry.names, *sorted(trading.agents))
    for name in trading.synthesizer.weights.model_dump():
        if name not in known:
            raise SettingsError(
                f"trading.json: unknown key synthesizer.weights.{name}; the nearest known name is "
                f"{nearest_name(name, known)}.",
                hint=f"An agent that is registered may have a weight: {', '.join(known)}.",
            )


def require_known_parts(trading: TradingSettings, folder: Path) -> None:
    """Refuse a broker, a notifier or a strategy that is not registered.

    Raises
    ------
    core.errors.SettingsError
        With the nearest known name.
    """
    strategy = "" if ":" in trading.strategy else trading.strategy  # user.FILE:CLASS is looked for when loaded
    named = [("brokers", "broker.name", trading.broker.name), ("strategies", "strategy", strategy)]
    named += [("notifiers", "notify.notifiers", name) for name in trading.notify.notifiers]
    for kind, key, name in named:
        if not name or name in OUR_PLUGINS[kind]:
            continue
        try:
            registered(kind, folder).registry.find(name)
        except SettingsError as error:
            raise SettingsError(f"trading.json: {key}: {error.message}", hint=error.hint) from error
