"""The out-of-sample table on the shared data, as markdown: taught to 2021, chosen in 2022, tested from 2023.

The first half of 2022 says when to stop, its second half judges skill; nothing is chosen on the test. The
universe is picked with hindsight, which flatters every row alike.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.parquet.bars import ParquetBars
from config.trading import EnsembleSettings, RegimeSettings, RlSettings
from config.universe import DEFAULT
from core.statistics import sharpe_ratios
from core.types import BarPanel, Floats
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from models.rl.batch import Rules
from models.rl.ensemble import member_weights
from models.rl.market import LOOK_AHEAD_SESSIONS, HighVolatilityHistory, RlMarket, make_market, next_returns
from models.rl.policy import MEMBERS, load_actor
from models.rl.replay import (
    Trajectory,
    buy_and_hold_returns,
    equal_weight_returns,
    portfolio_returns,
    run_policy,
)
from models.rl.tasks import Trained, TrainingTask
from models.rl.windows import Windows, windows_at
from models.rl.workers import cores, train_side_by_side

DATA = Path(__file__).parents[2] / "shared" / "data" / "universe_daily.parquet"
SEEDS = 5
ROW = "| {:<34} | {:>13} | {:>13} | {:>13} | {:>13} | {:>11} | {:>9} |"


def main() -> None:
    settings, rules = RlSettings(), Rules.of(RlSettings())
    began = time.perf_counter()
    bars = ParquetBars(DATA, NyseCalendar()).bars(DEFAULT.symbols, date(2016, 1, 1), date(2025, 2, 28))
    high_volatility = HighVolatilityHistory(RegimeTracker(RegimeSettings())).of(bars)
    z = FactorStore(DEFAULT.sector_etf_of).history(bars).z
    market = make_market(bars, z, high_volatility, DEFAULT.stocks, settings.factor_window_sessions)
    windows = cut_by_year(market, settings)
    seen = market.part(row_of(market, "2022-07-01"), len(market.sessions) - LOOK_AHEAD_SESSIONS)
    test_from = row_of(seen, "2023-01-01")
    tasks = [
        TrainingTask(
            member=member, seed=seed, timesteps=settings.timesteps, settings=settings,
            fitted=windows.fitted, stopping=windows.stopping, judged=windows.judged,
        )
        for member in ("ddpg", "ppo", "a2c")
        for seed in range(1, SEEDS + 1)
    ]  # fmt: skip
    trained = train_side_by_side(tasks, cores(), lambda _index, _fraction: None)
    print(
        f"{len(DEFAULT.stocks)} stocks; {windows.dates}; test {seen.sessions[test_from]} to {seen.sessions[-1]}, "
    )
    print(f"{len(seen.sessions) - test_from} sessions; {SEEDS} seeds; {time.perf_counter() - began:.0f} s\n")
    report(trained, seen, test_from, rules, spy_returns(bars, seen)[test_from:])


def cut_by_year(market: RlMarket, settings: RlSettings) -> Windows:
    first = int(np.flatnonzero(market.priced.any(axis=0))[0])
    in_2022, middle, in_2023 = (row_of(market, day) for day in ("2022-01-01", "2022-07-01", "2023-01-01"))
    return windows_at(
        market,
        (first, in_2022 - settings.purge_sessions),
        (in_2022, middle - settings.purge_sessions),
        (middle, in_2023 - LOOK_AHEAD_SESSIONS),
    )


def row_of(market: RlMarket, day: str) -> int:
    return int(np.searchsorted(market.sessions.astype("datetime64[D]"), np.datetime64(day, "D")))


def spy_returns(bars: BarPanel, seen: RlMarket) -> Floats:
    found = next_returns(bars.open[:, [bars.column["SPY"]]])[:, 0]
    return np.asarray(found[np.isin(bars.sessions, seen.sessions)])


def report(trained: Sequence[Trained], seen: RlMarket, test_from: int, rules: Rules, spy: Floats) -> None:
    test = seen.part(test_from, len(seen.sessions))
    walks = {(t.member, t.seed): run_policy(load_actor(t.actor), seen, rules) for t in trained}
    print(ROW.format("", "Sharpe", "return a year", "volatility", "max drawdown", "exposure", "skilled"))
    print("|---|--:|--:|--:|--:|--:|--:|")
    for member in MEMBERS:
        of_member = [t for t in trained if t.member == member]
        positions = [walks[member, t.seed].positions[:, test_from:] for t in of_member]
        passed = sum(t.judged["chance_p"] <= RlSettings().chance_p_max for t in of_member)
        line(f"{member.upper()}", positions, test, rules, f"{passed} of {SEEDS}")
    for name, voters in (
        ("ensemble, all vote", trained),
        ("ensemble, the skilled vote (default)", skilled(trained)),
    ):
        votes = [voted([t for t in voters if t.seed == seed], walks, seen, rules) for seed in range(1, SEEDS + 1)]
        voting = [vote[:, test_from:] for vote in votes if vote is not None]
        line(name, voting, test, rules, f"{len(voting)} of {SEEDS}")
    for name, returns in (
        ("buy and hold of the 64", buy_and_hold_returns(test, rules.cost)),
        ("equal weight of the 64, daily", equal_weight_returns(test, rules.cost)),
        ("SPY", spy),
    ):
        print(ROW.format(name, *figures([returns]), "1.00", ""))


def skilled(trained: Sequence[Trained]) -> list[Trained]:
    return [t for t in trained if t.judged["chance_p"] <= RlSettings().chance_p_max]


def voted(
    members: Sequence[Trained], walks: Mapping[tuple[str, int], Trajectory], seen: RlMarket, rules: Rules
) -> Floats | None:
    """Weigh the members each session by what they earned in the 63 whose prices were known by then."""
    if not members:
        return None
    settings = EnsembleSettings()
    own = [walks[t.member, t.seed] for t in members]
    earned = np.array([portfolio_returns(one.positions, seen, rules.cost) for one in own])
    votes = np.zeros(seen.known.shape)
    for session in range(len(seen.sessions)):
        known = earned[:, max(0, session - settings.trailing_sessions - 2) : max(0, session - 1)]
        sharpes = [float(sharpe_ratios(one)) if known.shape[1] >= 21 else None for one in known]
        weights = member_weights(sharpes, settings.minimum_weight)
        votes[:, session] = np.nan_to_num(
            sum(w * one.actions[:, session] for w, one in zip(weights, own, strict=True))
        )
    return np.clip(votes, rules.lowest, 1.0)


def line(name: str, positions: Sequence[Floats], test: RlMarket, rules: Rules, passed: str) -> None:
    if not positions:
        print(ROW.format(name, "none votes", "", "", "", "0.00", passed))
        return
    exposure = np.mean([np.abs(one).mean() for one in positions])
    returns = [portfolio_returns(one, test, rules.cost) for one in positions]
    print(ROW.format(name, *figures(returns), f"{exposure:.2f}", passed))


def figures(returns: Sequence[Floats]) -> list[str]:
    growth = [np.cumprod(1 + one) for one in returns]
    peaks = [np.maximum.accumulate(np.append(1, one)) for one in growth]
    falls = [float((np.append(1, g) / p - 1).min()) for g, p in zip(growth, peaks, strict=True)]
    return [
        spread([float(sharpe_ratios(one)) for one in returns], "{:.2f}"),
        spread([100 * (g[-1] ** (252 / len(g)) - 1) for g in growth], "{:.1f}", " %"),
        spread([100 * one.std() * 252**0.5 for one in returns], "{:.1f}", " %"),
        spread([100 * fall for fall in falls], "{:.1f}", " %"),
    ]


def spread(values: Sequence[float], shape: str, unit: str = "") -> str:
    mean = shape.format(np.mean(values))
    return f"{mean} ± {shape.format(np.std(values, ddof=1))}{unit}" if len(values) > 1 else mean + unit


if __name__ == "__main__":
    main()
