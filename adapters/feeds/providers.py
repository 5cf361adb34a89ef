"""The feeds that come with the engine, made as any registered one is: by `from_parts`."""

from __future__ import annotations

import logging
from datetime import UTC, date, timedelta

import numpy as np

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.feeds.bar_store import BarStore
from adapters.feeds.cached_bars import CachedBars, compare_nothing
from adapters.feeds.choose import ChosenSource, SourceRequest
from adapters.feeds.quality import too_many_missing
from adapters.feeds.vendor_bars import VendorBars
from adapters.feeds.views import session_status
from adapters.parquet.bars import ParquetBars
from adapters.simulated.market import SimulatedMarket
from adapters.yahoo.bars import YfinanceBars
from core.errors import DataError, SettingsError
from core.universe import BENCHMARK

LOG = logging.getLogger(__name__)
PROBE_SECONDS = 6.0


class Auto:
    """Alpaca where there are keys, else Yahoo, else the simulated market, loudly."""

    name = "auto"

    @classmethod
    def from_parts(cls, request: SourceRequest) -> ChosenSource:
        """Choose by the keys and by whether Yahoo answers."""
        if request.environment.has_alpaca_keys:
            return Alpaca.from_parts(request)
        yahoo = _yahoo(request)
        cached = _cached(yahoo, request)
        if not _is_fresh(cached, request):
            try:
                yahoo.probe(request.now, PROBE_SECONDS)
            except DataError as error:
                return _without_yahoo(request, cached, error)
        return ChosenSource(source=VendorBars(cached, request.calendar))


class Yfinance:
    """Yahoo, through a cache."""

    name = "yfinance"

    @classmethod
    def from_parts(cls, request: SourceRequest) -> ChosenSource:
        """Make it with its cache in the state folder."""
        return ChosenSource(source=VendorBars(_cached(_yahoo(request), request), request.calendar))


class Alpaca:
    """Alpaca, through a cache."""

    name = "alpaca"

    @classmethod
    def from_parts(cls, request: SourceRequest) -> ChosenSource:
        """Make it with its cache in the state folder."""
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


class Recorded:
    """Bars of a Parquet file."""

    name = "parquet"
    gives_market_prices = False

    @classmethod
    def from_parts(cls, request: SourceRequest) -> ChosenSource:
        """Make it on the file of DATA_PROVIDER=parquet:PATH."""
        path = request.environment.parquet_path
        if path is None:
            raise SettingsError("DATA_PROVIDER=parquet needs a file: parquet:PATH.")
        return ChosenSource(source=ParquetBars(path, request.calendar))


class Simulated:
    """An invented market, with invented headlines."""

    name = "simulated"
    gives_market_prices = False

    @classmethod
    def from_parts(cls, request: SourceRequest) -> ChosenSource:
        """Make it for the universe."""
        return _simulated(request)


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
    settings, symbols = request.settings, request.symbols
    belongs = request.universe.members(np.array([end], dtype="datetime64[D]"), symbols)[0]
    symbols = tuple(name for name, now in zip(symbols, belongs, strict=True) if now)  # of the others none is due
    lacking = cached.lacking(symbols, end - timedelta(days=round(365.25 * settings.history_years)), end)
    return BENCHMARK not in lacking and not too_many_missing(len(lacking), len(symbols), settings)


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
