"""Which source feeds the engine: the contract's rules for DATA_PROVIDER, one registered provider a name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.feeds.bar_store import BarStore
from adapters.feeds.cached_bars import CachedBars, compare_nothing
from adapters.feeds.quality import too_many_missing
from adapters.feeds.source import Source
from adapters.feeds.universe_source import UniverseSource
from adapters.feeds.vendor_bars import VendorBars
from adapters.feeds.views import HeadlineFeed, session_status
from adapters.parquet.bars import ParquetBars
from adapters.simulated.market import SimulatedMarket
from adapters.yahoo.bars import YfinanceBars
from config.environment import Environment
from config.trading import DataSettings
from core.errors import DataError, SettingsError
from core.ports import Calendar
from core.registry import Registry
from core.types import CorporateAction
from core.universe import BENCHMARK, Universe

LOG = logging.getLogger(__name__)
PROBE_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What a provider makes its source from.

    Attributes
    ----------
    route_is_builtin : bool
        Whether orders go to the built-in paper broker: only that one may see simulated or recorded prices.
    said_actions : sequence of CorporateAction
        What a person said of corporate actions.
    session : requests.Session or None
        For tests only: what yfinance asks through.
    """

    environment: Environment
    settings: DataSettings
    universe: Universe
    calendar: Calendar
    route_is_builtin: bool
    now: datetime
    said_actions: Sequence[CorporateAction] = ()
    session: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSource:
    """The source, the headlines it invents if it does, and what is degraded (also logged as warnings)."""

    source: Source
    headlines: HeadlineFeed | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A choice of DATA_PROVIDER.

    Attributes
    ----------
    make : callable
        Gives the source that a request asks for.
    gives_market_prices : bool
        Whether its prices are the market's of now, and not recorded or invented.
    """

    make: Callable[[SourceRequest], ChosenSource]
    gives_market_prices: bool = True


PROVIDERS: Registry[Provider] = Registry("data provider")


def choose_source(request: SourceRequest) -> ChosenSource:
    """Pick the source by DATA_PROVIDER, the keys, and whether Yahoo answers.

    Raises
    ------
    core.errors.SettingsError
        When the provider is unknown, or a real broker would see simulated or recorded prices.
    """
    name = request.environment.provider
    provider = PROVIDERS.find(name)
    if not (provider.gives_market_prices or request.route_is_builtin):
        raise SettingsError(
            f"DATA_PROVIDER={name} gives invented or recorded prices, and orders go to a real broker.",
            hint="Use DATA_PROVIDER=auto, or unset the Alpaca keys.",
        )
    chosen = provider.make(request)
    if not (request.universe.is_dated or request.universe.aliases):
        return chosen
    return replace(chosen, source=UniverseSource(chosen.source, request.universe))


def _auto(request: SourceRequest) -> ChosenSource:
    if request.environment.has_alpaca_keys:
        return _alpaca(request)
    yahoo = _yahoo(request)
    cached = _cached(yahoo, request)
    if not _is_fresh(cached, request):
        try:
            yahoo.probe(request.now, PROBE_SECONDS)
        except DataError as error:
            return _without_yahoo(request, cached, error)
    return ChosenSource(source=VendorBars(cached, request.calendar))


def _without_yahoo(request: SourceRequest, cached: CachedBars, error: DataError) -> ChosenSource:
    if not request.route_is_builtin:
        raise SettingsError(
            f"Yahoo can't be reached and a real broker is never fed simulated prices. {error}",
            hint="Set the Alpaca keys, or mend the network.",
        ) from error
    note = (
        f"SIMULATED MARKET: Yahoo can't be reached and nothing fresh is cached, so every price and headline "
        f"is invented. Start again with a network, or set DATA_PROVIDER. ({error})"
    )
    LOG.warning("%s", note)
    return _simulated(request, note, *((cached.store.fault,) if cached.store.fault else ()))


def _is_fresh(cached: CachedBars, request: SourceRequest) -> bool:
    due = session_status(request.calendar, request.now, cached.publication_delay).session_due
    end: date = request.now.astimezone(UTC).date() if due is None else due.astype(object)
    settings, symbols = request.settings, request.universe.symbols
    lacking = cached.lacking(symbols, end - timedelta(days=round(365.25 * settings.history_years)), end)
    return BENCHMARK not in lacking and not too_many_missing(len(lacking), len(symbols), settings)


def _yfinance(request: SourceRequest) -> ChosenSource:
    return ChosenSource(source=VendorBars(_cached(_yahoo(request), request), request.calendar))


def _yahoo(request: SourceRequest) -> YfinanceBars:
    return YfinanceBars(
        vendor_folder=request.environment.state_dir / "cache" / "py-yfinance",
        timeout_seconds=request.settings.timeout_seconds,
        session=request.session,
    )


def _cached(yahoo: YfinanceBars, request: SourceRequest) -> CachedBars:
    store = BarStore(request.environment.state_dir / "cache" / "bars-yfinance.parquet")
    return CachedBars(yahoo, store, request.calendar)


def _simulated(request: SourceRequest, *notes: str) -> ChosenSource:
    market = SimulatedMarket(request.calendar, request.universe)
    return ChosenSource(source=market, headlines=market.headlines, notes=notes)


def _recorded(request: SourceRequest) -> ChosenSource:
    path = request.environment.parquet_path
    if path is None:
        raise SettingsError("DATA_PROVIDER=parquet needs a file: parquet:PATH.")
    return ChosenSource(source=ParquetBars(path, request.calendar))


def _alpaca(request: SourceRequest) -> ChosenSource:
    environment = request.environment
    if environment.alpaca_key is None or environment.alpaca_secret is None:
        raise SettingsError("DATA_PROVIDER=alpaca needs ALPACA_API_KEY and ALPACA_SECRET_KEY.")
    client = connect(
        environment.alpaca_key.get_secret_value(),
        environment.alpaca_secret.get_secret_value(),
        timeout_seconds=request.settings.timeout_seconds,
        url_override=environment.alpaca_base_url,
    )
    calendar = request.calendar
    store = BarStore(environment.state_dir / "cache" / "bars-alpaca.parquet")
    cached = CachedBars(AlpacaBars(client, calendar), store, calendar, compare_nothing)
    return ChosenSource(source=VendorBars(cached, calendar))


PROVIDERS.register("auto", Provider(make=_auto))
PROVIDERS.register("yfinance", Provider(make=_yfinance))
PROVIDERS.register("alpaca", Provider(make=_alpaca))
PROVIDERS.register("parquet", Provider(make=_recorded, gives_market_prices=False))
PROVIDERS.register("simulated", Provider(make=_simulated, gives_market_prices=False))
