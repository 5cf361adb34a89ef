"""What a backtest's report has to say against itself."""

from __future__ import annotations

from backtest.app.settings import BacktestSpec
from backtest.app.strategies import full_window_row
from config.loader import read_profile
from config.trading import TradingSettings
from core.types import BarPanel
from models.ranker.samples import STOCKS_MIN
from models.ranker.walk_forward import fold_rows


def caveats_of(
    spec: BacktestSpec, trading: TradingSettings, panel: BarPanel, rows: tuple[int, int], rankers: int
) -> tuple[str, ...]:
    """Return all that speaks against a run whose first and last decision lie at `rows`."""
    return (
        *profile_caveats(spec, trading.profile),
        *remote_caveats(trading),
        *window_caveats(panel, trading, rows[0]),
        *ranker_caveats(len(fold_rows(panel, *rows, spec.retrain_sessions)), rankers),
    )


def ranker_caveats(wanted: int, trained: int) -> tuple[str, ...]:
    """Say how many rankers of the walk-forward there are not: their windows had too little to learn from."""
    if trained >= wanted:
        return ()
    return (
        f"{wanted - trained} of {wanted} rankers were not trained: their windows had fewer than {STOCKS_MIN} "
        "members with bars, or too few days of them. The ranker before them votes on; where there is none, the "
        "ranker's agent abstains.",
    )


def profile_caveats(spec: BacktestSpec, profile: str) -> tuple[str, ...]:
    """Return the caveats that the profile's file states."""
    return tuple(read_profile(spec.folder, profile).get("caveats", ()))


def remote_caveats(trading: TradingSettings) -> tuple[str, ...]:
    """Say which agents a backtest leaves out: what answers over HTTP has no past that could be walked."""
    return tuple(
        f"The agent {name} answers over HTTP and takes no part: what it would say today of days that it may know "
        "is no evidence. Only days after its registration are."
        for name in trading.agents
    )


def window_caveats(panel: BarPanel, trading: TradingSettings, first: int) -> tuple[str, ...]:
    """Say until when the ranker learnt from less than its window, for a first decision at row `first`."""
    full = full_window_row(trading.quant)
    if first >= full:
        return ()
    begins = str(panel.sessions[min(full, len(panel.sessions) - 1)])[:10]
    return (f"Until {begins} the ranker learnt from fewer than {trading.quant.window_months} months of bars.",)
