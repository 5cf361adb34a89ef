"""The market agents: rank orders, golden scores, and no opinion where there are no bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.market import MarketAgent, MomentumAgent, RegimeAgent, RsiAgent, period_return
from config.trading import RegimeSettings, SectorScanSettings
from core.types import BarPanel, Floats, MarketAnalysis, MarketView
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from tests.default_universe import BENCHMARK, SECTOR_ETF_OF, SECTOR_MAP, STOCKS, Sector
from tests.panels import make_panel

SECTORS = {
    "Chips": Sector("SMH", ("NVDA", "AMD", "MU")),
    "Oil": Sector("XLE", ("XOM", "CVX")),
    "Banks": Sector("XLF", ("JPM", "BAC")),
}
LIQUID = 2e6
SCAN = SectorScanSettings(
    lookback_weeks=(1, 2), weights=(1.0, 3.0), top_sectors=2, stocks_per_sector=2, stock_momentum_days=10
)
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def panel_of(close: Mapping[str, Floats | list[float]], volume: Mapping[str, float] | None = None) -> BarPanel:
    """Daily bars with these closes."""
    table = np.array([close[name] for name in close], dtype=np.float64).T
    days = np.busday_offset("2024-01-02", np.arange(len(table)), roll="forward")
    traded = [(volume or {}).get(name, LIQUID) for name in close]
    return BarPanel(
        sessions=days, known_at=(days + np.timedelta64(21, "h")).astype("datetime64[us]"), symbols=tuple(close),
        open=table, high=table, low=table, close=table, volume=np.tile(traded, (len(table), 1)),
    )  # fmt: skip


def view_of(bars: BarPanel, stale: Mapping[str, str] | None = None) -> MarketView:
    closed_at = bars.known_at[-1].item().replace(tzinfo=UTC)
    return MarketView(as_of=closed_at + timedelta(minutes=1), bars=bars, stale=stale or {}, source="test")


def scores(analysis: MarketAnalysis) -> dict[str, float]:
    return {signal.symbol: signal.score for signal in analysis.signals}


def rising(*, to: float, first: float = 100.0, sessions: int = 11, at: int = 5) -> list[float]:
    """Flat, and from session `at` on at another price."""
    return [first] * at + [to] * (sessions - at)


# The benchmark does not move. Over one week (from row 5) nothing moves; over two (from row 0) the ETFs have made
# 20 %, -10 % and 4 %; weights 1 and 3 make that 15 %, -7.5 % and 3 %.
GOLDEN = panel_of(
    {
        "SPY": rising(to=100.0), "SMH": rising(to=120.0), "XLE": rising(to=90.0), "XLF": rising(to=104.0),
        "NVDA": rising(to=150.0), "AMD": rising(to=110.0), "MU": rising(to=130.0),
        "XOM": rising(to=99.0), "CVX": rising(to=98.0), "JPM": rising(to=101.0), "BAC": rising(to=102.0),
    },
    {"MU": 999_999.0},
)  # fmt: skip


def market(settings: SectorScanSettings = SCAN) -> MarketAgent:
    return MarketAgent(SECTORS, settings)


def test_period_return_is_the_close_over_an_earlier_close() -> None:
    bars = panel_of({"AAPL": [100.0, 110.0, 121.0], "JPM": [50.0, np.nan, 40.0]})
    assert period_return(bars, 2) == pytest.approx([0.21, -0.2])
    assert period_return(bars, 1)[0] == pytest.approx(0.1)
    assert np.isnan(period_return(bars, 1)[1])
    assert np.isnan(period_return(bars, 3)).all()


def test_sectors_are_ranked_by_their_weighted_excess_return() -> None:
    ranked = market().scan(view_of(GOLDEN))
    assert [(s.rank, s.sector, s.hot) for s in ranked] == [
        (1, "Chips", True),
        (2, "Banks", True),
        (3, "Oil", False),
    ]
    assert [s.score for s in ranked] == pytest.approx([0.15, 0.03, -0.075])
    assert ranked[0].momentum == pytest.approx({"1w": 0.0, "2w": 0.2})
    assert [s.picks for s in ranked] == [("NVDA", "AMD"), ("BAC", "JPM"), ()]  # MU trades one share too few


def test_a_stock_has_its_sectors_place_and_only_leaders_are_candidates() -> None:
    analysis = market().signals(view_of(GOLDEN), ["NVDA", "MU", "XOM", "JPM", "AAPL"])
    assert scores(analysis) == {"NVDA": 1.0, "MU": 1.0, "JPM": 0.0, "XOM": -1.0}
    assert [(a.symbol, a.agent) for a in analysis.abstentions] == [("AAPL", "market")]
    assert analysis.candidates == ("JPM", "NVDA")
    assert "Chips is 1 of 3 (+15.0% vs SPY)" in analysis.signals[0].reason


def test_a_stale_leader_is_passed_over() -> None:
    ranked = market().scan(view_of(GOLDEN, stale={"NVDA": "no quote"}))
    assert [s.picks for s in ranked] == [("AMD",), ("BAC", "JPM"), ()]


def test_without_a_benchmark_or_a_past_nobody_is_ranked() -> None:
    shown = [name for name in GOLDEN.symbols if name != "SPY"]
    bars = panel_of({name: GOLDEN.close[:, GOLDEN.column[name]] for name in shown})
    for lacking in (bars, GOLDEN.prefix(10)):
        analysis = market().signals(view_of(lacking), ["NVDA"])
        assert (analysis.signals, analysis.sectors, analysis.candidates) == ((), (), ())
        (abstained,) = analysis.abstentions
        assert (abstained.agent, abstained.symbol) == ("market", "*")


def test_a_sector_whose_etf_has_no_bar_is_left_out() -> None:
    close = {name: GOLDEN.close[:, GOLDEN.column[name]].copy() for name in GOLDEN.symbols}
    close["XLF"][-1] = np.nan
    analysis = market().signals(view_of(panel_of(close)), ["NVDA", "JPM", "XOM"])
    assert [s.sector for s in analysis.sectors] == ["Chips", "Oil"]
    assert scores(analysis) == {"NVDA": 1.0, "XOM": -1.0}
    assert [a.symbol for a in analysis.abstentions] == ["JPM"]


@few
@given(seeds)
def test_the_scan_is_a_ranking_whatever_the_market(seed: int) -> None:
    settings_ = SectorScanSettings()
    view = view_of(make_panel(seed, sessions=140))
    ranked = MarketAgent(SECTOR_MAP, settings_).scan(view)
    assert [s.rank for s in ranked] == list(range(1, len(SECTOR_MAP) + 1))
    assert [s.score for s in ranked] == sorted((s.score for s in ranked), reverse=True)
    assert [s.hot for s in ranked] == [s.rank <= settings_.top_sectors for s in ranked]
    momentum = period_return(view.bars, settings_.stock_momentum_days)
    for s in ranked:
        assert set(s.picks) <= set(SECTOR_MAP[s.sector].stocks)
        assert len(s.picks) <= (settings_.stocks_per_sector if s.hot else 0)
        gained = [momentum[view.bars.column[pick]] for pick in s.picks]
        assert gained == sorted(gained, reverse=True)
    assert any(s.picks for s in ranked)


@few
@given(seeds, st.floats(0.01, 100.0))
def test_neither_the_units_of_prices_nor_the_order_of_columns_matter(seed: int, unit: float) -> None:
    bars = make_panel(seed, sessions=140)
    order = np.random.default_rng(seed).permutation(len(bars.symbols))
    other = BarPanel(
        sessions=bars.sessions, known_at=bars.known_at, symbols=tuple(bars.symbols[i] for i in order),
        open=bars.open[:, order] * unit, high=bars.high[:, order] * unit, low=bars.low[:, order] * unit,
        close=bars.close[:, order] * unit, volume=bars.volume[:, order],
    )  # fmt: skip
    agents = MarketAgent(SECTOR_MAP, SectorScanSettings()), MomentumAgent(STOCKS, SectorScanSettings())
    for agent in agents:
        plain, moved = (agent.signals(view_of(one), STOCKS) for one in (bars, other))
        assert len(plain.signals) == len(STOCKS)
        assert scores(moved) == pytest.approx(scores(plain))
        assert moved.candidates == plain.candidates


def test_momentum_is_the_place_in_the_universe_by_return() -> None:
    stocks = ("NVDA", "AMD", "MU", "XOM", "CVX")
    agent = MomentumAgent(stocks, SCAN)
    analysis = agent.signals(view_of(GOLDEN), ["CVX", "NVDA", "MU", "JPM"])
    assert scores(analysis) == {"CVX": -1.0, "NVDA": 1.0, "MU": 0.5}
    assert [a.symbol for a in analysis.abstentions] == ["JPM"]  # not in its universe
    assert analysis.signals[0].reason == "-2.0% in 10 sessions"
    fewer = agent.signals(view_of(GOLDEN, stale={"NVDA": "no quote"}), ["NVDA", "MU", "AMD"])
    assert scores(fewer) == pytest.approx({"MU": 1.0, "AMD": 1 / 3})
    assert not agent.signals(view_of(GOLDEN.prefix(10)), stocks).signals
    assert not agent.signals(view_of(GOLDEN, stale=dict.fromkeys(stocks, "no quote")), stocks).signals


def test_the_regimes_vote_is_the_difference_of_its_probabilities_for_every_stock_alike() -> None:
    agent = RegimeAgent(RegimeTracker(RegimeSettings(restarts=1)), BENCHMARK)
    analysis = agent.signals(view_of(make_panel(3, sessions=420)), ["AAPL", "XOM"])
    assert analysis.regime is not None
    likely = analysis.regime.probabilities
    assert sum(likely.values()) == pytest.approx(1.0)
    assert scores(analysis) == dict.fromkeys(("AAPL", "XOM"), likely["low_vol"] - likely["high_vol"])
    assert {signal.confidence for signal in analysis.signals} == {max(likely.values())}
    assert {signal.model_id for signal in analysis.signals} == {analysis.regime.model_id}
    assert analysis.models == {"regime": analysis.regime.model_id}


def test_without_enough_history_the_regime_abstains_for_all() -> None:
    agent = RegimeAgent(RegimeTracker(RegimeSettings(restarts=1)), BENCHMARK)
    analysis = agent.signals(view_of(make_panel(3, sessions=100)), ["AAPL"])
    assert (analysis.regime, analysis.signals, analysis.models) == (None, (), {})
    assert [(a.agent, a.symbol) for a in analysis.abstentions] == [("regime", "*")]


def wave(step_up: float, step_down: float) -> list[float]:
    """Rises and falls in turn: Wilder's mean gain and loss settle at these steps' ratio."""
    steps = np.where(np.arange(300) % 2 == 0, step_up, -step_down)
    closes: list[float] = (1_000 + np.cumsum(steps)).tolist()
    return closes


def test_rsi_votes_against_what_has_run_too_far() -> None:
    bars = panel_of(
        {
            "AAPL": np.arange(100.0, 400.0), "XOM": np.arange(400.0, 100.0, -1.0), "JPM": wave(1.0, 1.0),
            "NVDA": wave(1.5, 1.0), "MU": [*[np.nan] * 292, *wave(1.0, 1.0)[:8]],
        }
    )  # fmt: skip
    analysis = RsiAgent(FactorStore(SECTOR_ETF_OF)).signals(
        view_of(bars), ["AAPL", "XOM", "JPM", "NVDA", "MU", "KO"]
    )
    made = scores(analysis)
    assert (made["AAPL"], made["XOM"]) == (-1.0, 1.0)  # RSI at 100 and at 0, clamped
    # Wilder's means of a wave whose last step is down: gain up * 13 / 27, loss down * 14 / 27 of what settles
    for symbol, up in (("JPM", 1.0), ("NVDA", 1.5)):
        strength = up * 13 / (1.0 * 14)
        assert made[symbol] == pytest.approx((50 - (100 - 100 / (1 + strength))) / 30, abs=1e-6)
    assert [a.symbol for a in analysis.abstentions] == ["MU", "KO"]
