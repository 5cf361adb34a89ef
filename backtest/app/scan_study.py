"""The scanner over history: what it would have picked at each close, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.feeds.panel_feed import PanelFeed
from agents.market import MarketAgent
from backtest.app.settings import BacktestSpec, Settings, settings_of
from backtest.app.strategies import decision_rows
from backtest.progress import Progress, no_progress
from backtest.scan import ScanHistory, ScanWindow, by_year, forward_from_open, measure_scan
from backtest.spans import windows_of
from backtest.universe_coverage import HINDSIGHT
from config.loader import digest
from core.errors import RequestError
from core.types import BarPanel
from core.universe import BENCHMARK

HORIZON = "sessions from the next open, open to open, before costs; the scan has nothing to train"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What the scanner's picks did.

    Attributes
    ----------
    horizon : str
        What the returns are over.
    warnings : tuple of str
        What the simulation never did.
    """

    source: str
    profile: str
    seed: int
    horizon: str
    warnings: tuple[str, ...]
    caveats: tuple[str, ...]
    windows: tuple[ScanWindow, ...]
    years: tuple[ScanWindow, ...]
    config_digest: str


def scan_backtest(
    spec: BacktestSpec, panel: BarPanel, source: str, progress: Progress = no_progress
) -> ScanReport:
    """Scan at every close from start to end and measure the picks."""
    chosen = settings_of(spec)
    seed, horizon = chosen.trading.quant.seed, chosen.trading.quant.horizon_sessions
    history = scan_history(spec, panel, chosen, horizon, progress)
    found = [measure_scan(history, rows, horizon, seed) for rows in windows_of(history.sessions)]
    if found[0] is None:
        raise RequestError(
            f"No scan from {history.sessions[1]} to {history.sessions[-1]} has picks and {horizon} sessions "
            "after it.",
            hint="Ask for a longer span.",
            status=422,
        )
    return ScanReport(
        source=source,
        profile=chosen.trading.profile,
        seed=seed,
        horizon=f"{horizon} {HORIZON}",
        warnings=() if history.picked.any() else ("NOT ONE PICK.",),
        caveats=(HINDSIGHT,),
        windows=tuple(window for window in found if window is not None),
        years=by_year(history, horizon, seed),
        config_digest=digest(chosen.trading, chosen.risk),
    )


def scan_history(
    spec: BacktestSpec, panel: BarPanel, settings: Settings, horizon: int, progress: Progress
) -> ScanHistory:
    """Ask the daemon's own scanner at every close, on the view of that moment."""
    first, last = decision_rows(spec, panel)
    listed = settings.trading.universe.sectors
    agent = MarketAgent(listed, settings.trading.sector_scan)
    feed = PanelFeed(panel, settings.trading.data, NyseCalendar(), source="history")
    stocks, sectors = settings.trading.stocks, tuple(listed)
    place = {stock: column for column, stock in enumerate(stocks)}
    picked = np.zeros((last - first + 1, len(stocks)), dtype=np.bool_)
    scores = np.full((last - first + 1, len(sectors)), np.nan)
    for row, at in enumerate(panel.closed_at[first : last + 1]):
        for found in agent.scan(feed.view(at)):
            scores[row, sectors.index(found.sector)] = found.score
            picked[row, [place[pick] for pick in found.picks if pick in place]] = True
        progress(row + 1, len(picked))
    columns = [panel.column[stock] for stock in stocks]
    ahead = forward_from_open(panel.open[: last + 1], horizon)[first:]
    return ScanHistory(
        sessions=panel.sessions[first : last + 1].astype("datetime64[D]"),
        picked=picked,
        forward=np.where(panel.member[first : last + 1, columns], ahead[:, columns], np.nan),
        index_forward=ahead[:, panel.column[BENCHMARK]],
        scores=scores,
        sector_forward=ahead[:, [panel.column[listed[sector].etf] for sector in sectors]],
    )
