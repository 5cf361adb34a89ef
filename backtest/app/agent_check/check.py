"""The whole check of one agent on a history, in processes of their own."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from analysis.curves import worst_drawdown
from backtest.app.agent_check.leaks import Examination, Finding, examine
from backtest.app.agent_check.skill import (
    HORIZONS,
    PortfolioSkill,
    RankSkill,
    portfolio_skill,
    rank_skill,
)
from backtest.app.settings import BacktestSpec, one_way_cost_bps, settings_of, with_changes
from backtest.app.strategies import decision_rows, run_under, train
from backtest.runner import Run
from config.plugins import registered
from core.errors import RequestError
from core.plugins import Plugin
from core.statistics import sharpe_ratio
from core.types import BarPanel

WARM_UP_SESSIONS = 260
ASKED_SECONDS_MAX = 30.0
TRIAL_WEIGHT = 0.2
RETRAIN_SESSIONS = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRun:
    """The team's backtest, with the agent's vote or without it."""

    total_return: float
    sharpe: float | None
    drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamEffect:
    """What the agent's vote does to the team's backtest.

    Attributes
    ----------
    weight : float
        Of its vote, beside the others' as they are configured.
    """

    weight: float
    without: TeamRun
    with_it: TeamRun


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCheck:
    """What a check found.

    Attributes
    ----------
    findings : tuple of Finding
        What it must not do; empty when it may be heard.
    spoke_share : float
        Share of the answers it might have given that it gave, in [0, 1].
    call_ms : tuple of float
        The middle call's, and the longest's, milliseconds.
    portfolio, effect : or None
        None where its scores never fill one; None where the effect was not asked for.
    """

    name: str
    origin: str
    version: str
    source: str
    first: date
    last: date
    sessions: int
    asked: int
    comparisons: int
    findings: tuple[Finding, ...]
    spoke_share: float
    reasons: tuple[str, ...]
    call_ms: tuple[float, float]
    deadline_ms: float
    skill: tuple[RankSkill, ...]
    portfolio: PortfolioSkill | None
    effect: TeamEffect | None = None


def find_agent(name: str, spec: BacktestSpec) -> Plugin:
    """Return a registered agent.

    Raises
    ------
    core.errors.EngineError
        When there is none of this name, or it answers over HTTP: of days before its registration it may know all.
    """
    if name in settings_of(spec).trading.agents:
        raise RequestError(
            f"The agent {name} answers over HTTP: what it says of days that it may know proves nothing.",
            hint="GET /scoreboard shows what it was worth since its registration.",
            status=422,
        )
    return registered("agents", spec.folder).registry.find(name)


def check_agent(
    plugin: Plugin, spec: BacktestSpec, panel: BarPanel, source: str, executor: Executor
) -> AgentCheck:
    """Check one agent.

    Parameters
    ----------
    executor : Executor
        As `processes.new_processes` gives it.
    """
    trading = settings_of(spec).trading
    rows = _rows(spec, panel)
    examined = examine(plugin, trading, panel, rows, executor, ASKED_SECONDS_MAX)
    asked = examined.whole.rows[0]
    columns = [panel.column[stock] for stock in trading.stocks]
    scores = np.full((len(panel.sessions), len(columns)), np.nan)
    scores[asked] = examined.whole.scores[0]
    milliseconds = 1000 * np.array(examined.whole.seconds)
    return AgentCheck(
        name=plugin.name,
        origin=plugin.origin,
        version=plugin.version,
        source=source,
        first=panel.dates[rows[0]],
        last=panel.dates[rows[-1]],
        sessions=len(rows),
        asked=len(asked),
        comparisons=examined.comparisons,
        findings=examined.findings,
        spoke_share=_spoke(examined),
        reasons=tuple(examined.whole.reasons),
        call_ms=(float(np.median(milliseconds)), float(milliseconds.max())),
        deadline_ms=1000 * trading.plugins.deadline_seconds,
        skill=tuple(rank_skill(scores, panel.open[:, columns], horizon) for horizon in HORIZONS),
        portfolio=portfolio_skill(scores, panel, columns, one_way_cost_bps(trading)),
    )


def team_effect(
    name: str, spec: BacktestSpec, panel: BarPanel, source: str, executor: Executor, pool: Executor | None
) -> TeamEffect:
    """Run the team's backtest with an agent's vote and without; both with the same rankers.

    Parameters
    ----------
    executor : Executor
        For what runs the agent's code: as `processes.new_processes` gives it.
    pool : Executor or None
        For the rankers' trainings, which know nothing of it: a new process for each would cost more than they do.
    """
    base = settings_of(spec)
    weight = base.trading.synthesizer.weights.model_dump().get(name) or TRIAL_WEIGHT
    artefacts = train(spec, panel, pool)
    runs = []
    for counted in (0.0, weight):
        change: dict[str, Any] = {
            f"trading.synthesizer.weights.{name}": counted,
            "trading.synthesizer.allocation": "votes",
        }
        chosen = with_changes(base, change)
        runs.append(executor.submit(run_under, "pipeline", spec, panel, source, artefacts, chosen))
    without, with_it = (_team_run(run.result()) for run in runs)
    return TeamEffect(weight=weight, without=without, with_it=with_it)


def _team_run(run: Run) -> TeamRun:
    returns = run.equity[1:] / run.equity[:-1] - 1
    return TeamRun(
        total_return=float(run.equity[-1] / run.equity[0] - 1),
        sharpe=sharpe_ratio(returns),
        drawdown=float(worst_drawdown(run.equity).depth),
    )


def _rows(spec: BacktestSpec, panel: BarPanel) -> list[int]:
    first, last = decision_rows(spec, panel)
    if last - first < WARM_UP_SESSIONS:
        raise RequestError(
            f"There are {last - first} sessions from {panel.dates[first]} to {panel.dates[last]}; a check needs "
            f"{WARM_UP_SESSIONS}.",
            hint="Give an earlier --start, or a --feed with more history.",
            status=422,
        )
    return list(range(first, last))


def _spoke(examined: Examination) -> float:
    scores = examined.whole.scores[0]
    return float(np.isfinite(scores).mean()) if scores.size else 0.0
