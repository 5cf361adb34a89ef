"""Which source feeds the engine: the registered feed that DATA_PROVIDER names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.feeds.own_feed import as_source
from adapters.feeds.source import Source
from adapters.feeds.universe_source import UniverseSource
from adapters.feeds.views import HeadlineFeed
from config.environment import FOLDER, Environment
from config.plugins import registered
from config.trading import DataSettings
from core.errors import DataError, EngineError, SettingsError
from core.plain_words import plain_reason
from core.plugins import Plugin, made_with
from core.ports import Calendar
from core.types import CorporateAction
from core.universe import Universe


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What a feed is made from, where its class has a `from_parts`.

    Attributes
    ----------
    route_is_builtin : bool
        Whether orders go to the built-in paper broker: only that one may see simulated or recorded prices.
    said_actions : sequence of CorporateAction
        What a person said of corporate actions.
    watched : sequence of str
        Symbols outside the universe that are held: their bars and prices are wanted, and they never belong.
    session : requests.Session or None
        For tests only: what yfinance asks through.
    folder : Path
        The settings' folder; the user's, with feeds of one's own, stands beside it.
    """

    environment: Environment
    settings: DataSettings
    universe: Universe
    calendar: Calendar
    route_is_builtin: bool
    now: datetime
    said_actions: Sequence[CorporateAction] = ()
    watched: Sequence[str] = ()
    session: Any = field(default=None, repr=False)
    folder: Path = FOLDER

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that bars are wanted of, each once."""
        return tuple(dict.fromkeys((*self.universe.symbols, *self.watched)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSource:
    """The source, the headlines it invents if it does, and what is degraded (also logged as warnings)."""

    source: Source
    headlines: HeadlineFeed | None = None
    notes: tuple[str, ...] = ()


def choose_source(request: SourceRequest) -> ChosenSource:
    """Make the source of the registered feed that DATA_PROVIDER names.

    Raises
    ------
    core.errors.SettingsError
        When there is none of this name, or a real broker would see simulated or recorded prices.
    core.errors.DataError
        When a feed of one's own cannot be made.
    """
    name = request.environment.provider
    plugin = registered("feeds", request.folder).registry.find(name)
    entry = plugin.load()
    if not (getattr(entry, "gives_market_prices", True) is True or request.route_is_builtin):
        raise SettingsError(
            f"DATA_PROVIDER={name} gives invented or recorded prices, and orders go to a real broker.",
            hint="Use DATA_PROVIDER=auto, or unset the Alpaca keys.",
        )
    made = entry.from_parts(request) if plugin.is_built_in else _own(plugin, entry, request)
    chosen = made if isinstance(made, ChosenSource) else ChosenSource(source=made)
    if not (request.universe.is_dated or request.universe.aliases or request.watched):
        return chosen
    return replace(chosen, source=UniverseSource(chosen.source, request.universe))


def _own(plugin: Plugin, entry: Any, request: SourceRequest) -> ChosenSource:
    """Make a feed that is not ours: by its `from_parts`, else without arguments."""
    try:
        made = made_with(entry, request)
    except EngineError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(
            f"The feed {plugin.name} could not be opened ({type(error).__name__}: {plain_reason(error)}); "
            "without bars nothing is decided.",
            hint=f"Mend {plugin.origin}, or choose another DATA_PROVIDER.",
        ) from error
    chosen = made if isinstance(made, ChosenSource) else ChosenSource(source=made)
    return replace(chosen, source=as_source(plugin.name, chosen.source, request.calendar))
