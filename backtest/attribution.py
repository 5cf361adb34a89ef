"""What each agent and each exit rule is worth: the same run again without it (ablation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bill_rate import with_interest
from analysis.curves import simple_returns, worst_drawdown
from analysis.overfitting import Overfitting, overfitting_probability
from backtest.runner import Run
from backtest.spans import SessionRange, windows_of
from core.errors import InvariantError
from core.market import Floats
from core.statistics import sharpe_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A window's figures without one part.

    Attributes
    ----------
    total_return, drawdown_max : float
        Fractions.
    sharpe : float or None
    sharpe_given_up : float or None
        The whole strategy's Sharpe ratio less this one's: what the part adds, negative where it costs.
    """

    total_return: float
    drawdown_max: float
    sharpe: float | None
    sharpe_given_up: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one part contributes.

    Attributes
    ----------
    kind : str
        `agent` or `exit rule`.
    trades : int
        Fills of the run without it.
    windows : mapping of str to Without
        By window.
    """

    kind: str
    part: str
    trades: int
    windows: Mapping[str, Without]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """A part that was left out, and the run without it."""

    kind: str
    part: str
    run: Run


def contributions(whole: Run, ablations: Sequence[Ablation], bills: Floats) -> tuple[Contribution, ...]:
    """Compare each run without a part with the whole one, window by window.

    Parameters
    ----------
    bills : ndarray of float64, shape (T,)
        What cash earns in each session.
    """
    return tuple(
        Contribution(
            kind=one.kind,
            part=one.part,
            trades=len(one.run.fills),
            windows={rows.name: _without(whole, one.run, bills, rows) for rows in windows_of(whole.sessions)},
        )
        for one in ablations
    )


def overfitting_of(runs: Sequence[Run]) -> Overfitting | None:
    """Estimate how likely picking the best of these runs overfits; None under two."""
    return overfitting_probability(trial_returns(runs))


def trial_returns(runs: Sequence[Run]) -> Floats:
    """Return the daily returns (T, M) of runs over the same sessions."""
    for run in runs[1:]:
        if not np.array_equal(run.sessions, runs[0].sessions):
            raise InvariantError("Runs over different sessions cannot be compared.")
    return np.column_stack([simple_returns(run.equity) for run in runs])


def _without(whole: Run, other: Run, bills: Floats, rows: SessionRange) -> Without:
    curve = slice(rows.first - 1, rows.last + 1)
    equity, entire = (with_interest(run.equity, run.exposure, bills)[curve] for run in (other, whole))
    paid = bills[curve][1:]
    ratio, full = sharpe_ratio(simple_returns(equity) - paid), sharpe_ratio(simple_returns(entire) - paid)
    return Without(
        total_return=float(equity[-1] / equity[0] - 1),
        drawdown_max=worst_drawdown(equity).depth,
        sharpe=ratio,
        sharpe_given_up=None if ratio is None or full is None else full - ratio,
    )
