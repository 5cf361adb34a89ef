"""Combinatorial purged paths of the ranker, refitted for each, and of the choice among a sweep's variants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.bill_rate import bill_returns
from analysis.purged_paths import PurgedPaths, PurgedSplit, assembled, chosen_outcomes, paths_of, purged_splits
from backtest.app.settings import BacktestSpec, Settings, v8_settings_of
from backtest.app.strategies import V8_EXPOSURE, V8_NAMES, decision_rows
from backtest.app.study import market_of
from backtest.market import benchmark_curves
from backtest.phases import phase_returns
from backtest.progress import Progress
from core.errors import RequestError
from core.types import BarPanel, Floats
from models.factors.store import FactorStore
from models.ranker.samples import Samples, complete_enough, training_samples
from models.ranker.training import FitTask, fit_booster

TRAIN_SESSIONS_MIN = 40
WHOLE_MONTHS = 1200  # the splits choose the sessions, not the window


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PurgedStudy:
    """Paths and what is drawn beside them.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T + 1,)
        Of the curves; returns are T.
    beside : dict of str to ndarray, shape (T + 1,)
        Benchmarks' curves.
    """

    paths: PurgedPaths
    sessions: NDArray[np.datetime64]
    beside: dict[str, Floats]


def ranker_paths(spec: BacktestSpec, panel: BarPanel, progress: Progress) -> PurgedStudy:
    """Refit the ranker for each split and hold its top names along each path, in equal parts on all phases."""
    chosen = v8_settings_of(spec)
    quant = chosen.trading.quant.model_copy(update={"window_months": WHOLE_MONTHS})
    first, last = decision_rows(spec, panel)
    market = market_of(panel, chosen, first, last)
    table = FactorStore(chosen.trading.universe.sector_etf_of).history(panel)
    samples = training_samples(panel, table, quant, last)
    purge = quant.horizon_sessions + 1
    splits = purged_splits(last - first + 1, purge_sessions=purge)
    shortest = min(int(split.train.sum()) for split in splits)
    if shortest < TRAIN_SESSIONS_MIN:
        raise RequestError(
            f"The span leaves {shortest} sessions to fit on, {TRAIN_SESSIONS_MIN} are needed.",
            hint=f"Ask for a longer one: {purge} sessions are left out on either side of each tested group.",
            status=422,
        )
    z = table.z[first : last + 1, [panel.column[stock] for stock in chosen.trading.stocks]]
    margins = np.empty((len(splits), *z.shape[:2]))
    for place, split in enumerate(splits):
        margins[place] = _margins(samples, z, split, first, chosen)
        progress(place + 1, len(splits))
    returns = np.stack(
        [
            phase_returns(
                market, scores, names=V8_NAMES, every=spec.rebalance_sessions, exposure=V8_EXPOSURE
            ).mean(axis=0)
            for scores in assembled(margins, splits)
        ]
    )
    return PurgedStudy(
        paths=paths_of(returns, market.bills[market.first :], purge_sessions=purge),
        sessions=market.sessions[market.first - 1 :],
        beside=dict(benchmark_curves(market)),
    )


def choice_paths(returns: Floats, sessions: NDArray[np.datetime64], settings: Settings) -> PurgedPaths:
    """Return the paths of choosing, in each split, the variant that was best in training.

    Parameters
    ----------
    returns : ndarray of float64, shape (T, M)
        Daily returns of every variant, at least two.
    sessions : ndarray of datetime64[D], shape (T,)
    """
    bills = bill_returns(sessions, settings.trading.evaluation.bill_rates)
    purge = settings.trading.quant.horizon_sessions
    splits = purged_splits(len(returns), purge_sessions=purge)
    outcomes = returns.T[chosen_outcomes(returns - bills[:, None], splits)]
    return paths_of(assembled(outcomes, splits), bills, purge_sessions=purge)


def curves_of(paths: PurgedPaths) -> Floats:
    """Return the paths' curves from 1, shape (P, T + 1)."""
    returns = np.array(paths.returns)
    return np.hstack([np.ones((len(returns), 1)), np.cumprod(1.0 + returns, axis=1)])


def _margins(samples: Samples, z: Floats, split: PurgedSplit, first: int, settings: Settings) -> Floats:
    """Fit on a split's training sessions; return log-odds for every session and stock, NaN without factors."""
    quant, row = settings.trading.quant, samples.day - first
    inside = (row >= 0) & (row < len(split.train))
    fitted = np.flatnonzero(inside)[split.train[row[inside]]]
    _, margin = fit_booster(
        FitTask(
            X=samples.X[fitted], y=samples.y[fitted], ask=z.reshape(-1, z.shape[2]), max_depth=quant.max_depth,
            n_estimators=quant.n_estimators, learning_rate=quant.learning_rate, seed=quant.seed,
        )
    )  # fmt: skip
    return np.where(complete_enough(z), margin.reshape(z.shape[:2]), np.nan)
