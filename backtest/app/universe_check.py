"""What a universe lacks: bars, sectors, dates, names that were changed since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.feeds.choose import SourceRequest, choose_source
from adapters.feeds.ended_listings import ended_listings
from backtest.app.strategies import with_feed
from backtest.to_json import plain
from config.environment import Environment
from config.loader import FOLDER, load_trading
from config.universe import read_universe
from core.types import BarPanel
from core.universe import OTHER, Universe

YEARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UniverseCheck:
    """What is known of a universe, and what is missing.

    Attributes
    ----------
    members_now : int
        Who belongs on the last day looked at.
    dated_from, dated_until : date or None
        The first day that anybody is said to belong, and the last that anybody is said to leave or stay.
    without_sector : tuple of str
        The stocks in `Other`.
    member_days_with_bars : float or None
        Share of the members' days that have a bar, in [0, 1]; None where no bars were looked at.
    without_bars : tuple of str
        Members that have none at all in the span.
    ended : mapping of str to str
        Stocks whose bars stop before the span does, and the last day: acquired, delisted or renamed.
    """

    name: str
    source: str
    stocks: int
    sectors: int
    members_now: int
    dated: bool
    dated_from: date | None
    dated_until: date | None
    without_sector: tuple[str, ...]
    renamed: tuple[str, ...]
    feed: str
    first: date | None
    last: date | None
    member_days_with_bars: float | None
    without_bars: tuple[str, ...]
    ended: dict[str, str]
    notes: tuple[str, ...]


def check_universe(
    name: str, environment: Environment, now: datetime, feed: str = "", folder: Path = FOLDER
) -> UniverseCheck:
    """Look a universe up, and ask a feed for its bars of the last five years.

    Parameters
    ----------
    feed : str
        As DATA_PROVIDER; empty for the environment's, `none` for no bars.

    Raises
    ------
    core.errors.SettingsError
        When there is no such universe.
    core.errors.DataError
        When the feed does not answer.
    """
    universe = read_universe(name, folder)
    found = _without_bars(universe, now.date())
    if feed == "none":
        return found
    request = SourceRequest(
        environment=with_feed(environment, feed, folder),
        settings=load_trading(folder).data,
        universe=universe,
        calendar=NyseCalendar(),
        route_is_builtin=True,
        now=now,
        folder=folder,
    )
    source = choose_source(request).source
    end = source.recorded_end()
    last = end.session if end else now.date()
    panel = source.bars(universe.symbols, last - timedelta(days=round(365.25 * YEARS)), last)
    return _with_bars(found, universe, panel, source.name)


def as_json_object(found: UniverseCheck) -> dict[str, Any]:
    """Return a check as JSON has it."""
    return {name: str(value) if isinstance(value, date) else value for name, value in plain(found).items()}


def _without_bars(universe: Universe, day: date) -> UniverseCheck:
    spans = [span for spans in universe.membership.values() for span in spans]
    days = [end for span in spans for end in span if end is not None]
    today = universe.members(np.array([day], dtype="datetime64[D]"), universe.stocks)
    return UniverseCheck(
        name=universe.name,
        source=universe.source,
        stocks=len(universe.stocks),
        sectors=len(universe.sectors),
        members_now=int(today.sum()),
        dated=universe.is_dated,
        dated_from=min(days, default=None),
        dated_until=max(days, default=None),
        without_sector=universe.sectors[OTHER].stocks if OTHER in universe.sectors else (),
        renamed=tuple(f"{alias.old} to {alias.new} on {alias.since}" for alias in universe.aliases),
        feed="none",
        first=None,
        last=None,
        member_days_with_bars=None,
        without_bars=(),
        ended={},
        notes=universe.notes,
    )


def _with_bars(found: UniverseCheck, universe: Universe, panel: BarPanel, feed: str) -> UniverseCheck:
    columns = [panel.column[stock] for stock in universe.stocks]
    priced, member = np.isfinite(panel.close[:, columns]), panel.member[:, columns]
    lacking = member.any(axis=0) & ~(priced & member).any(axis=0)
    stocks = set(universe.stocks)
    ended = {action.symbol: str(action.ex_date) for _, action in ended_listings(panel) if action.symbol in stocks}
    back = {stock for stock, column in zip(universe.stocks, priced.T, strict=True) if len(column) and column[-1]}
    return replace(
        found,
        feed=feed,
        first=panel.dates[0] if len(panel.dates) else None,
        last=panel.dates[-1] if len(panel.dates) else None,
        members_now=int(member[-1].sum()) if len(member) else found.members_now,
        member_days_with_bars=float((priced & member).sum() / max(int(member.sum()), 1)),
        without_bars=tuple(stock for stock, out in zip(universe.stocks, lacking, strict=True) if out),
        ended={stock: day for stock, day in ended.items() if stock not in back},
    )
