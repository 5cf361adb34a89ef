"""The RL ensemble's training as it runs in a child process: typed structs in and out."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from config.trading import RegimeSettings, RlSettings
from core.errors import DataError
from core.statistics import sharpe_ratios
from core.types import BarPanel
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from models.rl.artefacts import TrainedMember
from models.rl.batch import Rules
from models.rl.card import MemberCard, OutOfSampleFigures, Window
from models.rl.market import HighVolatilityHistory, make_market
from models.rl.replay import buy_and_hold_returns, equal_weight_returns
from models.rl.tasks import Trained, TrainingTask
from models.rl.windows import Windows, cut
from models.rl.workers import cores, train_side_by_side

OnProgress = Callable[[float, str], None]
RELATIVE_COST: Mapping[str, float] = {"ddpg": 12.0, "ppo": 4.0, "a2c": 1.0}
LAYING_OUT = 0.05
LIBRARIES = ("torch", "stable-baselines3", "gymnasium", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """What to train.

    Attributes
    ----------
    explicit : bool
        Whether a person named the tickers: then one without history is an error, else it is left out.
    """

    tickers: tuple[str, ...]
    members: tuple[str, ...]
    explicit: bool


def train_ensemble(
    on_progress: OnProgress,
    bars: BarPanel,
    sector_etf_of: Mapping[str, str],
    regime: RegimeSettings,
    settings: RlSettings,
    training_spec: TrainingSpec,
) -> list[TrainedMember]:
    """Train each member with every seed and keep the best of each by its stopping sessions.

    Returns
    -------
    list of TrainedMember
        One a member.

    Raises
    ------
    DataError
        When there is too little history.
    """
    on_progress(0.0, "computing factors and regimes")
    windows = lay_out(bars, sector_etf_of, regime, settings, training_spec)
    tasks = [
        TrainingTask(
            member=member, seed=settings.seed + k, timesteps=settings.timesteps, settings=settings,
            fitted=windows.fitted, stopping=windows.stopping, judged=windows.judged,
        )
        for member in sorted(training_spec.members, key=lambda name: -RELATIVE_COST[name])
        for k in range(settings.seeds)
    ]  # fmt: skip
    trained = train_side_by_side(tasks, cores(), TimeLeft(tasks, on_progress, time.monotonic))
    return [
        _best([t for t in trained if t.member == member], windows, settings) for member in training_spec.members
    ]


def lay_out(
    bars: BarPanel,
    sector_etf_of: Mapping[str, str],
    regime: RegimeSettings,
    settings: RlSettings,
    training_spec: TrainingSpec,
) -> Windows:
    """Compute what the policies see, and cut it into windows to fit, to stop and to judge."""
    z = FactorStore(sector_etf_of).history(bars).z
    high_volatility = HighVolatilityHistory(RegimeTracker(regime)).of(bars)
    window = settings.factor_window_sessions
    windows = cut(make_market(bars, z, high_volatility, training_spec.tickers, window), settings)
    enough = dict(zip(training_spec.tickers, _has_enough(windows, settings), strict=True))
    short = [ticker for ticker in training_spec.tickers if not enough[ticker]]
    if short and (training_spec.explicit or len(short) == len(training_spec.tickers)):
        raise DataError(
            f"{', '.join(short)}: too little history with all factors between {windows.dates['first']} and "
            f"{windows.dates['labels_end']}.",
            hint="Leave them out, or raise data.history_years.",
        )
    if not short:
        return windows
    rest = [ticker for ticker in training_spec.tickers if enough[ticker]]
    return cut(make_market(bars, z, high_volatility, rest, window), settings)


def _has_enough(windows: Windows, settings: RlSettings) -> list[bool]:
    taught = windows.fitted.priced.sum(axis=1) > settings.episode_sessions
    return [bool(fine) for fine in taught & windows.judged.priced.any(axis=1)]


class TimeLeft:
    """Turns the progress of many trainings into one fraction and the time left."""

    def __init__(
        self, tasks: Sequence[TrainingTask], on_progress: OnProgress, seconds: Callable[[], float]
    ) -> None:
        self._tasks = tasks
        self._on_progress = on_progress
        self._seconds = seconds
        self._began = seconds()
        self._done = [0.0] * len(tasks)
        self._cost = [RELATIVE_COST[task.member] for task in tasks]

    def __call__(self, index: int, fraction: float) -> None:
        """Note how far one training is."""
        self._done[index] = fraction
        done = sum(d * c for d, c in zip(self._done, self._cost, strict=True)) / sum(self._cost)
        left = (self._seconds() - self._began) * (1 - done) / done if done else float("nan")
        task = self._tasks[index]
        when = f", about {left:.0f} s left" if done else ""
        self._on_progress(
            LAYING_OUT + (1 - LAYING_OUT) * done, f"{task.member} (seed {task.seed}) {fraction:.0%}{when}"
        )


def _best(of_member: Sequence[Trained], windows: Windows, settings: RlSettings) -> TrainedMember:
    best = max(of_member, key=lambda trained: trained.stopping_sharpe)
    card = card_of(best, of_member, windows, settings)
    return TrainedMember(model=best.model, actor=best.actor, card=card)


def card_of(best: Trained, of_member: Sequence[Trained], windows: Windows, settings: RlSettings) -> MemberCard:
    """Describe a member: what it is, what it learnt from, and how good it was on the judged sessions."""
    cost = Rules.of(settings).cost
    by_seed = {str(trained.seed): trained.judged["sharpe"] for trained in of_member}
    return MemberCard(
        model_id=f"rl-{best.member}-{windows.dates['labels_end'].replace('-', '')}-{best.weights_digest[:8]}",
        member=best.member,
        weights_digest=best.weights_digest,
        tickers=windows.fitted.tickers,
        window=Window(**windows.dates),
        seed=best.seed,
        steps=best.steps,
        out_of_sample=OutOfSampleFigures(
            sessions=len(windows.judged.sessions),
            sharpe=best.judged["sharpe"],
            total_return=best.judged["return"],
            exposure=best.judged["exposure"],
            chance_p=best.judged["chance_p"],
            sharpe_by_seed=by_seed,
            sharpe_mean=float(np.mean(list(by_seed.values()))),
            sharpe_spread=float(np.std(list(by_seed.values()))),
            buy_and_hold_sharpe=float(sharpe_ratios(buy_and_hold_returns(windows.judged, cost))),
            equal_weight_sharpe=float(sharpe_ratios(equal_weight_returns(windows.judged, cost))),
        ),
        skilled=best.judged["chance_p"] <= settings.chance_p_max,
        settings=settings.model_dump(),
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES}
        | {"python": platform.python_version()},
    )
