"""Which source feeds the engine: the contract's rules for DATA_PROVIDER."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.feeds.bar_store import BarStore
from adapters.feeds.cached_bars import CachedBars
from adapters.feeds.quality import too_many_missing
from adapters.feeds.source import Source
from adapters.feeds.views import NewsSource, moment
from adapters.parquet.bars import ParquetBars
from adapters.simulated.market import SimulatedMarket
from adapters.yahoo.bars import YfinanceBars
from config.environment import Environment
from config.sectors import BENCHMARK, UNIVERSE
from config.trading import DataSettings
from core.errors import DataError, SettingsError
from core.ports import Calendar

LOG = logging.getLogger(__name__)
PROBE_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The source, the headlines it invents if it does, and what is degraded (also logged as warnings)."""

    source: Source
    headlines: NewsSource | None = None
    notes: tuple[str, ...] = ()


def choose_source(
    environment: Environment,
    settings: DataSettings,
    calendar: Calendar,
    *,
    route_is_builtin: bool,
    now: datetime,
    symbols: Sequence[str] = UNIVERSE,
    session: Any = None,
) -> Choice:
    """Pick the source by DATA_PROVIDER, the keys, and whether Yahoo answers.

    Parameters
    ----------
    route_is_builtin : bool
        Whether orders go to the built-in paper broker: only that one may see simulated or recorded prices.
    session : requests.Session or None
        For tests only: what yfinance asks through.

    Raises
    ------
    core.errors.SettingsError
        When a real broker would see simulated or recorded prices.
    """
    provider = environment.provider
    if provider in ("simulated", "parquet") and not route_is_builtin:
        raise SettingsError(
            f"DATA_PROVIDER={provider} gives invented or recorded prices, and orders go to a real broker.",
            hint="Use DATA_PROVIDER=auto, or unset the Alpaca keys.",
        )
    if provider == "simulated":
        return _simulated(calendar)
    if provider == "parquet":
        return Choice(source=_recorded(environment, calendar))
    if provider == "alpaca" or (provider == "auto" and environment.has_alpaca_keys):
        return Choice(source=_alpaca(environment, settings, calendar))
    yahoo = YfinanceBars(
        calendar,
        vendor_folder=environment.state_dir / "cache" / "py-yfinance",
        timeout_seconds=settings.timeout_seconds,
        session=session,
    )
    cached = CachedBars(yahoo, BarStore(environment.state_dir / "cache" / "bars-yfinance.parquet"), calendar)
    if provider == "yfinance" or _is_fresh(cached, settings, calendar, symbols, now):
        return Choice(source=cached)
    return _yahoo_or_simulated(yahoo, cached, calendar, now, may_simulate=route_is_builtin)


def _yahoo_or_simulated(
    yahoo: YfinanceBars, cached: CachedBars, calendar: Calendar, now: datetime, *, may_simulate: bool
) -> Choice:
    try:
        yahoo.probe(now, PROBE_SECONDS)
    except DataError as error:
        if not may_simulate:
            raise SettingsError(
                f"Yahoo can't be reached and a real broker is never fed simulated prices. {error}",
                hint="Set the Alpaca keys, or mend the network.",
            ) from error
        note = (
            f"SIMULATED MARKET: Yahoo can't be reached and nothing fresh is cached, so every price and headline "
            f"is invented. Start again with a network, or set DATA_PROVIDER. ({error})"
        )
        LOG.warning("%s", note)
        return _simulated(calendar, note, *cached.notes.values())
    return Choice(source=cached)


def _is_fresh(
    cached: CachedBars, settings: DataSettings, calendar: Calendar, symbols: Sequence[str], now: datetime
) -> bool:
    due = moment(calendar, now, cached.publication_delay).session_due
    end: date = now.astimezone(UTC).date() if due is None else due.astype(object)
    lacking = cached.lacking(symbols, end - timedelta(days=round(365.25 * settings.history_years)), end)
    return BENCHMARK not in lacking and not too_many_missing(len(lacking), len(symbols), settings)


def _simulated(calendar: Calendar, *notes: str) -> Choice:
    market = SimulatedMarket(calendar)
    return Choice(source=market, headlines=market.headlines, notes=notes)


def _recorded(environment: Environment, calendar: Calendar) -> ParquetBars:
    if environment.parquet_path is None:
        raise SettingsError("DATA_PROVIDER=parquet needs a file: parquet:PATH.")
    return ParquetBars(environment.parquet_path, calendar)


def _alpaca(environment: Environment, settings: DataSettings, calendar: Calendar) -> AlpacaBars:
    if environment.alpaca_key is None or environment.alpaca_secret is None:
        raise SettingsError("DATA_PROVIDER=alpaca needs ALPACA_API_KEY and ALPACA_SECRET_KEY.")
    client = connect(
        environment.alpaca_key.get_secret_value(),
        environment.alpaca_secret.get_secret_value(),
        timeout_seconds=settings.timeout_seconds,
        url_override=environment.alpaca_base_url,
    )
    return AlpacaBars(client, calendar)
