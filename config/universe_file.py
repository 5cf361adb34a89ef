"""A universe as a file has it, checked: tickers spelt one way, each in one sector, spans that make sense."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field, ValidationError

from config.frozen import Frozen
from config.universe_index import ETF_OF_SECTOR, index_sector_of
from core.errors import SettingsError
from core.plain_words import plain_reason
from core.text_forms import said_of
from core.tickers import spelt
from core.universe import BENCHMARK, OTHER, Alias, Sector, Span, Universe

TICKER = re.compile(r"[A-Z0-9]{1,6}([.\-][A-Z0-9]{1,4})?")
NAMED_MAX = 8
STOCK_FORMS = 'a stock is its ticker, or {"ticker": "XLNX", "from": "1999-11-08", "to": "2022-02-14"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of a universe: a stock, where it is said its sector and the sector's ETF, and one span of it.

    Attributes
    ----------
    place : str
        Where it stands in the file.
    """

    ticker: str
    place: str
    sector: str | None = None
    etf: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All lines of a universe, and the renamed tickers it names."""

    path: Path
    stocks: Sequence[Listed]
    aliases: tuple[Alias, ...] = ()
    notes: tuple[str, ...] = ()


class _Stock(Frozen):
    ticker: str
    since: date | None = Field(None, alias="from")
    until: date | None = Field(None, alias="to")


class _Sector(Frozen):
    etf: str | None = None
    stocks: tuple[str | _Stock, ...]


class _Alias(Frozen):
    old: str
    new: str
    date: date


class _File(Frozen):
    sectors: dict[str, _Sector] = Field(default_factory=dict)
    stocks: tuple[str | _Stock, ...] = ()
    aliases: tuple[_Alias, ...] = ()


def read_listing(content: Mapping[str, Any], path: Path) -> Listing:
    """Read the object of a universe's JSON file.

    Raises
    ------
    core.errors.SettingsError
        With the path of the first wrong key.
    """
    try:
        read = _File.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[-1]  # of the two forms a stock has, the object's is said last
        place = ".".join(str(part) for part in first["loc"] if part != _Stock.__name__)
        what = STOCK_FORMS if first["type"] == "model_type" and "stocks" in first["loc"] else said_of(first)
        raise SettingsError(
            f"{path}: {place}: {what}.",
            hint='Write {"sectors": {"Technology": {"etf": "XLK", "stocks": ["AAPL"]}}}: docs/howto/universe.md.',
        ) from error
    stocks = [
        _listed(stock, f"sectors.{name}.stocks.{place}", name, sector.etf)
        for name, sector in read.sectors.items()
        for place, stock in enumerate(sector.stocks)
    ]
    stocks += [_listed(stock, f"stocks.{place}", None, None) for place, stock in enumerate(read.stocks)]
    aliases = tuple(
        alias_of(one.old, one.new, one.date, f"aliases.{place}", path) for place, one in enumerate(read.aliases)
    )
    return Listing(path=path, stocks=stocks, aliases=aliases)


def alias_of(old: str, new: str, since: date, place: str, path: Path) -> Alias:
    """Return a rename, its tickers checked.

    Raises
    ------
    core.errors.SettingsError
        For a ticker that is none, and one that is renamed to itself.
    """
    made = Alias(_ticker(old, place, path), _ticker(new, place, path), since)
    if made.old == made.new:
        _refuse(path, place, f"{made.old} cannot be renamed to itself")
    return made


def _listed(stock: str | _Stock, place: str, sector: str | None, etf: str | None) -> Listed:
    if isinstance(stock, str):
        return Listed(ticker=stock, place=place, sector=sector, etf=etf)
    dated = stock.since is not None or stock.until is not None
    span = Span(stock.since, stock.until) if dated else None
    return Listed(ticker=stock.ticker, place=place, sector=sector, etf=etf, span=span)


def checked_ticker(ticker: str) -> str:
    """Return a ticker as the engine spells it.

    Raises
    ------
    ValueError
        When it is none.
    """
    plain = spelt(ticker)
    if not TICKER.fullmatch(plain):
        raise ValueError(f"{ticker!r:.40} is not a ticker")
    return plain


def universe_of(name: str, source: str, listing: Listing) -> Universe:
    """Make a universe of a file's lines.

    Raises
    ------
    core.errors.SettingsError
        For a ticker that is none, one in two sectors or twice, a sector with two ETFs, a span that ends before it
        begins, or no stock at all.
    """
    if not listing.stocks:
        raise SettingsError(f"{listing.path}: the universe {name} has no stocks.", hint="List at least one.")
    renames = sorted(listing.aliases, key=lambda alias: alias.since)
    lines: dict[str, list[Listed]] = {}
    for line in listing.stocks:
        ticker = _ticker(line.ticker, line.place, listing.path)
        lines.setdefault(_current(ticker, line.span, renames), []).append(line)
    etfs: dict[str, str] = {}
    by_sector: dict[str, list[str]] = {}
    for ticker, found in lines.items():
        sector = _sector(ticker, found, listing.path)
        etf = next((_ticker(line.etf, line.place, listing.path) for line in found if line.etf), None)
        if etf is not None and etfs.setdefault(sector, etf) != etf:
            _refuse(listing.path, found[0].place, f"{sector} has two ETFs, {etfs[sector]} and {etf}")
        by_sector.setdefault(sector, []).append(ticker)
    sectors = {
        sector: Sector(etfs.get(sector) or ETF_OF_SECTOR.get(sector, BENCHMARK), tuple(stocks))
        for sector, stocks in by_sector.items()
    }
    return Universe(
        name=name,
        source=source,
        sectors=sectors,
        membership=dict(_membership(lines, listing.path)),
        aliases=listing.aliases,
        notes=(*listing.notes, *_without_sector(name, sectors), *_without_etf(name, sectors)),
    )


def own_universe(universe: Universe, tickers: Sequence[str]) -> Universe:
    """Return the watchlist as a universe of its own, for stocks that the universe does not hold."""
    strangers = [ticker for ticker in tickers if ticker not in universe.sector_of]
    own = universe.only(tickers)
    what = f"universe {universe.name} does not hold {few(strangers)}: the watchlist is the universe"
    return replace(own, notes=(*universe.notes, what, *_without_sector(universe.name, own.sectors)))


def _ticker(text: str, place: str, path: Path) -> str:
    try:
        return checked_ticker(text)
    except ValueError as error:
        _refuse(path, place, plain_reason(error))


def _current(ticker: str, span: Span | None, renames: Sequence[Alias]) -> str:
    """Follow the renames, oldest first, to the ticker of today.

    A span that begins once the ticker was given up is of whoever took it over since.
    """
    since = (span and span.since) or date.min
    for alias in renames:
        if alias.old == ticker and since < alias.since:
            ticker = alias.new
    return ticker


def _sector(ticker: str, lines: Sequence[Listed], path: Path) -> str:
    said = list(dict.fromkeys(line.sector for line in lines if line.sector))
    if len(said) > 1:
        _refuse(path, lines[-1].place, f"{ticker} is in two sectors, {said[0]} and {said[1]}")
    return said[0] if said else index_sector_of(ticker) or OTHER


def _membership(lines: Mapping[str, Sequence[Listed]], path: Path) -> Iterable[tuple[str, tuple[Span, ...]]]:
    for ticker, found in lines.items():
        spans = [line.span for line in found if line.span is not None]
        if len(spans) < len(found) and len(found) > 1:
            _refuse(path, found[-1].place, f"{ticker} is there twice")
        for line in found:
            if line.span and line.span.since and line.span.until and line.span.until < line.span.since:
                _refuse(
                    path, line.place, f"{ticker} leaves on {line.span.until}, before it came on {line.span.since}"
                )
        if spans:
            yield (
                ticker,
                tuple(sorted(set(spans), key=lambda span: (span.since or date.min, span.until or date.max))),
            )


def _without_sector(name: str, sectors: Mapping[str, Sector]) -> tuple[str, ...]:
    if OTHER not in sectors:
        return ()
    stocks = sectors[OTHER].stocks
    return (f"universe {name}: without a sector, so in {OTHER} with {sectors[OTHER].etf} as ETF: {few(stocks)}",)


def _without_etf(name: str, sectors: Mapping[str, Sector]) -> tuple[str, ...]:
    lacking = [sector for sector, (etf, _) in sectors.items() if etf == BENCHMARK and sector != OTHER]
    return (
        (f"universe {name}: sectors without an ETF, {BENCHMARK} stands for it: {few(lacking)}",)
        if lacking
        else ()
    )


def few(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return f"{', '.join(names[:NAMED_MAX])}{more}"


def _refuse(path: Path, place: str, what: str) -> NoReturn:
    raise SettingsError(f"{path}: {place}: {what}.", hint="Mend the file, or choose another universe.")
