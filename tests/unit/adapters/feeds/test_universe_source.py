"""Bars for a universe: the members of each day, a renamed stock's past under its new name, ended listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.ended_listings import SILENT_SESSIONS, ended_listings
from adapters.feeds.panel_feed import PanelFeed
from adapters.feeds.universe_source import UniverseSource
from config.trading import DataSettings
from core.market import FIELDS
from core.types import ActionKind, BarPanel, Quote
from core.universe import Alias, Sector, Span, Universe
from tests.panels import make_panel

SESSIONS = 60
LEAVES = 40
PANEL = make_panel(3, SESSIONS, ("FB", "META", "KO", "SPY"), missing={"FB": [(30, 60)], "META": [(0, 30)]})
DAY = PANEL.dates


class Recorded:
    """A source on the bars above."""

    name = "recorded"
    publication_delay = datetime.resolution * 0
    replays_quotes = True

    def __init__(self) -> None:
        self.notes: Mapping[str, str] = {"KO": "odd"}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        del start, end
        columns = [PANEL.column[name] for name in symbols]
        arrays = {name: getattr(PANEL, name)[:, columns] for name in FIELDS}
        return replace(PANEL, symbols=tuple(symbols), member=np.array(True), **arrays)

    def quotes(self, symbols: Sequence[str], at: datetime) -> dict[str, Quote]:
        return {name: Quote(symbol=name, price=1.0, at=at) for name in symbols}

    def actions(self) -> ActionTable:
        return NO_ACTIONS

    def recorded_end(self) -> None:
        return None


def universe(*aliases: Alias) -> Universe:
    return Universe(
        name="t",
        source="t",
        sectors={"One": Sector("SPY", ("META", "KO"))},
        membership={"KO": (Span(None, DAY[LEAVES]),)},
        aliases=aliases,
    )


def test_the_members_of_each_day_come_with_the_bars() -> None:
    source = UniverseSource(Recorded(), universe())
    panel = source.bars(("META", "KO", "SPY"), DAY[0], DAY[-1])
    assert panel.symbols == ("META", "KO", "SPY")
    assert panel.member[:, 1].tolist() == [row <= LEAVES for row in range(SESSIONS)]
    assert panel.member[:, [0, 2]].all()
    assert source.notes == {"KO": "odd"}
    assert panel.digest != replace(panel, member=np.array(True)).digest
    assert panel.prefix(LEAVES).digest == replace(panel, member=np.array(True)).prefix(LEAVES).digest


def test_a_renamed_stock_has_its_past_from_under_the_old_ticker() -> None:
    panel = UniverseSource(Recorded(), universe(Alias("FB", "META", DAY[30]))).bars(
        ("META", "SPY"), DAY[0], DAY[-1]
    )
    assert panel.symbols == ("META", "SPY")
    assert (panel.close[:30, 0] == PANEL.close[:30, PANEL.column["FB"]]).all()
    assert (panel.close[30:, 0] == PANEL.close[30:, PANEL.column["META"]]).all()


def test_what_another_company_had_under_the_new_ticker_before_the_rename_is_not_the_stocks() -> None:
    panel = UniverseSource(Recorded(), universe(Alias("META", "KO", DAY[10]))).bars(("KO",), DAY[0], DAY[-1])
    assert (panel.close[:, 0] == PANEL.close[:, PANEL.column["KO"]]).all()  # META has none before
    panel = UniverseSource(Recorded(), universe(Alias("KO", "FB", DAY[50]))).bars(("FB",), DAY[0], DAY[-1])
    assert (panel.close[:50, 0] == PANEL.close[:50, PANEL.column["KO"]]).all()  # FB's own ended long before
    assert np.isnan(panel.close[50:, 0]).all()


def test_a_stock_renamed_twice_has_its_past_from_under_both_tickers() -> None:
    twice = universe(Alias("SPY", "META", DAY[30]), Alias("KO", "SPY", DAY[15]))
    panel = UniverseSource(Recorded(), twice).bars(("META",), DAY[0], DAY[-1])
    assert panel.symbols == ("META",)
    assert (panel.close[15:30, 0] == PANEL.close[15:30, PANEL.column["SPY"]]).all()
    assert (panel.volume[:30, 0] != PANEL.volume[:30, PANEL.column["META"]]).all()


def test_who_took_an_old_ticker_over_has_no_bars_from_before() -> None:
    panel = UniverseSource(Recorded(), universe(Alias("KO", "META", DAY[30]))).bars(
        ("KO", "META"), DAY[0], DAY[-1]
    )
    assert np.isnan(panel.close[:30, 0]).all()
    assert (panel.close[30:, 0] == PANEL.close[30:, PANEL.column["KO"]]).all()
    assert (panel.close[:30, 1] == PANEL.close[:30, PANEL.column["KO"]]).all()


def test_bars_of_an_old_ticker_after_the_rename_are_not_the_stocks() -> None:
    panel = UniverseSource(Recorded(), universe(Alias("FB", "META", DAY[20]))).bars(("META",), DAY[0], DAY[-1])
    assert np.isnan(panel.close[20:30, 0]).all()


def test_a_listing_ends_ten_silent_sessions_after_its_last_bar_and_not_before_it_could_be_known() -> None:
    found = ended_listings(PANEL)
    assert [(row, action.symbol, action.kind) for row, action in found] == [
        (29 + SILENT_SESSIONS, "FB", ActionKind.DELISTING)
    ]
    row, action = found[0]
    assert action.cash_per_share == Decimal(repr(round(float(PANEL.close[29, 0]), 4)))
    feed = PanelFeed(PANEL, DataSettings(), NyseCalendar(), source="t")
    before, after = (feed.view(PANEL.closed_at[at]) for at in (row - 1, row))
    assert before.actions == ()
    assert after.actions == (action,)
    for rows in range(1, SESSIONS):  # each prefix says what the whole says up to there
        assert ended_listings(PANEL.prefix(rows)) == tuple(one for one in found if one[0] < rows)


def test_only_members_with_fresh_bars_may_be_entered_and_only_they_count_as_missing() -> None:
    gone = np.ones(PANEL.close.shape, dtype=np.bool_)
    gone[LEAVES:, :3] = False
    panel = replace(PANEL, member=gone)
    feed = PanelFeed(panel, DataSettings(missing_symbols_max_pct=0.0), NyseCalendar(), source="t")
    inside, outside = (feed.view(panel.closed_at[at]) for at in (LEAVES - 2, LEAVES))
    assert inside.eligible(panel.symbols) == ("META", "KO", "SPY")
    assert inside.feed_fault  # FB is a member without a bar, not yet for long enough to have ended
    assert outside.eligible(panel.symbols) == ("SPY",)
    assert not outside.feed_fault
    assert "FB" in outside.stale


def test_a_view_before_any_bar_has_none_to_enter() -> None:
    view = PanelFeed(PANEL, DataSettings(), NyseCalendar(), source="t").view(datetime(2021, 1, 4, tzinfo=UTC))
    assert view.eligible(PANEL.symbols) == ()


def test_what_the_universe_does_not_know_is_watched_and_never_belongs() -> None:
    panel = UniverseSource(Recorded(), universe()).bars(("META", "FB", "SPY"), DAY[0], DAY[-1])
    assert not panel.member[:, 1].any()
    assert panel.member[:, [0, 2]].all()
    assert (panel.close[:30, 1] == PANEL.close[:30, PANEL.column["FB"]]).all()
