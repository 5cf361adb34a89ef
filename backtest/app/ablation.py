"""The pipeline run again without one agent or one exit rule (ablation)."""

from __future__ import annotations

from concurrent.futures import Executor
from itertools import islice

from backtest.app.engine import BacktestEngine
from backtest.app.executors import run_all, share
from backtest.app.settings import BacktestSpec, settings_of, without_agent, without_exit_rules
from backtest.app.strategies import run_under
from backtest.attribution import Ablation
from backtest.progress import Progress
from backtest.runner import Run
from core.orders import Side
from core.types import BarPanel
from models.ranker.artefact import QuantArtefact
from pipeline.execution import decisions_about_now

DECISIONS_READ = 500


def run_ablations(
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    artefacts: tuple[QuantArtefact, ...],
    whole: tuple[BacktestEngine, Run],
    executor: Executor | None,
    progress: Progress,
) -> tuple[Ablation, ...]:
    """Run again without each agent that had weight, and without each exit rule that fired.

    Parameters
    ----------
    whole : tuple of (BacktestEngine, Run)
        The run with all of its parts.
    """
    backtest_engine, run = whole
    chosen = settings_of(spec)
    fired = {fill.rule for fill in run.fills if fill.side is Side.SELL}
    agents = weighted_agents(backtest_engine, chosen.trading.synthesizer.allocation)
    parts = [("agent", agent, without_agent(chosen, agent)) for agent in agents]
    parts += [("exit rule", rule, settings) for rule, settings in without_exit_rules(chosen, fired)]
    ground = ("pipeline", share(executor, spec), share(executor, panel), source, share(executor, artefacts))
    runs = run_all(executor, run_under, [(*ground, settings) for _, _, settings in parts], progress)
    return tuple(
        Ablation(kind=kind, part=part, run=other) for (kind, part, _), other in zip(parts, runs, strict=True)
    )


def weighted_agents(backtest_engine: BacktestEngine, allocation: str) -> tuple[str, ...]:
    """Name the agents whose vote had weight in the last decisions, and the `allocation` where it decided."""
    agents, allocated = set(), False
    for report in islice(decisions_about_now(backtest_engine.ledger), DECISIONS_READ):
        for decision in report.plan.decisions:
            agents |= {vote.signal.agent for vote in decision.votes if vote.weight > 0}
            allocated |= decision.rule == "allocation"
    return (*sorted(agents), *((allocation,) if allocated else ()))
