"""Training the RL ensemble in the daemon: on request, in a child process; saving; the cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
from msgspec import to_builtins

from config.trading import RlSettings, TradingSettings
from core.errors import DataError, RequestError
from core.long_jobs import Job
from core.ports import Clock, EventSink
from core.types import BarPanel
from pipeline.execution import decisions_about_now

if TYPE_CHECKING:
    from daemon.child_jobs import JobRunner
    from models.rl.artefacts import StoredMember, TrainedMember
    from models.rl.card import MemberCard
    from models.rl.ensemble import EnsembleProvider
    from pipeline.engine import Engine

log = structlog.get_logger("rl")
KIND = "train"
DECISIONS_READ = 150  # a week, one every 15 minutes
WARM_UP_SESSIONS = 300
NOT_TRAINED = "no RL models are trained; POST /train trains them"


class EnsembleService:
    """Keeps the RL ensemble of the daemon: which members are in use, and how new ones come to be."""

    def __init__(self, folder: Path, trading: TradingSettings, events: EventSink) -> None:
        self._folder = folder
        self._trading = trading
        self._events = events
        self._clock: Clock | None = None
        self._provider: EnsembleProvider | None = None

    def open(self, clock: Clock) -> None:
        """Read the stored members; a corrupt one is set aside in words, never used."""
        from models.rl.ensemble import EnsembleProvider  # noqa: PLC0415  # brings numpy code: at first use

        self._clock = clock
        self._provider = EnsembleProvider(self._folder, self._trading.ensemble.models)
        for fault in self._provider.faults.values():
            log.error("rl.artefact_refused", reason=fault)

    @property
    def provider(self) -> EnsembleProvider:
        """Where the RL agents take their members from."""
        if self._provider is None:
            raise DataError("The RL ensemble's members are not read yet.", hint="Wait for GET /ready.")
        return self._provider

    @property
    def optional(self) -> list[str]:
        """What the engine is whole without: an ensemble nobody has trained, a member that may not vote."""
        if self._provider is None:
            return []
        if not (self._provider.members or self._provider.faults):
            return [f"rl: {NOT_TRAINED}"]
        return self._unskilled if self._trading.rl.require_skill else []

    @property
    def faults(self) -> list[str]:
        """What is wrong with the ensemble, if anything."""
        if self._provider is None:
            return []
        if not self._provider.members and self.optional:
            return self.optional
        return [*(f"rl: {fault}" for fault in self._provider.faults.values()), *self._unskilled]

    @property
    def _unskilled(self) -> list[str]:
        names = [m.name for m in self._provider.members if not m.card.skilled] if self._provider else []
        return [f"rl: {name} is not better than chance on the judged sessions" for name in names]

    def start(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start a training in a child process on the bars known now.

        Parameters
        ----------
        parameters : mapping
            `tickers`, `algorithms`, `timesteps` and `seed`, each optional.

        Raises
        ------
        RequestError
            409 when one runs already; 422 for tickers without enough history; 503 when there are no bars.
        """
        from models.rl.child import TrainingSpec, train_ensemble  # noqa: PLC0415  # with the first training

        if find_spec("stable_baselines3") is None or find_spec("torch") is None:
            raise RequestError(
                "The RL ensemble cannot be trained: torch or stable-baselines3 is not installed.",
                hint="make run-all, or pip install -e '.[rl]'; then POST /train.",
                status=409,
            )
        view = engine.last_view
        if view is None or view.row < 0:
            raise RequestError("There are no bars to train on yet.", hint="See the feed in /status.", status=503)
        overridden = {
            name: parameters[name] for name in ("timesteps", "seed") if parameters.get(name) is not None
        }
        settings = self._trading.rl.model_copy(update=overridden)
        named = tuple(dict.fromkeys(parameters.get("tickers") or ()))
        check_history(view.bars, named, settings)
        training_spec = TrainingSpec(
            tickers=named or self._tickers(engine, view.bars),
            members=self._members(parameters.get("algorithms") or ()),
            explicit=bool(named),
        )
        source = view.source
        return runner.start(
            KIND,
            train_ensemble,
            (view.bars, self._trading.universe.sector_etf_of, self._trading.regime, settings, training_spec),
            lambda trained: self._finish(trained, source),
        )

    def _tickers(self, engine: Engine, bars: BarPanel) -> tuple[str, ...]:
        from models.rl.tickers import most_picked  # noqa: PLC0415  # with the first training

        rl, stocks = self._trading.rl, self._trading.stocks
        enough = [stock for stock, have in history(bars, stocks).items() if have >= sessions_needed(rl)]
        recent = islice(decisions_about_now(engine.parts.ledger), DECISIONS_READ)
        found = most_picked(recent, self._trading.universe, enough, rl.tickers_max)
        if not found:
            check_history(bars, stocks, rl)
        return found

    def _members(self, wanted: Sequence[str]) -> tuple[str, ...]:
        unused = sorted(set(wanted) - set(self._trading.ensemble.models))
        if unused:
            raise RequestError(
                f"{', '.join(unused)} is not in ensemble.models, so it would be trained and never asked.",
                hint="Add it to ensemble.models in config/trading.json, then start again.",
                status=422,
            )
        return tuple(dict.fromkeys(wanted)) or self._trading.ensemble.models

    def _finish(self, trained: list[TrainedMember], source: str) -> Mapping[str, Any]:
        from models.rl.artefacts import save  # noqa: PLC0415  # with the first training

        now = datetime.now(UTC) if self._clock is None else self._clock.now()
        save(trained, self._folder, now)
        self.provider.reload()
        cards = [one.card for one in trained]
        for card in cards:
            figures = to_builtins(card.out_of_sample)
            log.info("rl.trained", model_id=card.model_id, skilled=card.skilled, **figures)
            self._events.publish(
                "model.updated",
                now,
                {"agent": f"rl.{card.member}", "model_id": card.model_id, "reason": _worth(card)},
            )
        return {
            "tickers": list(cards[0].tickers),
            "window": to_builtins(cards[0].window),
            "data": {"source": source, "as_of": cards[0].window.labels_end},
            "members": {card.member: _summary(card, self._trading.rl) for card in cards},
        }

    def card(self, now: datetime) -> Mapping[str, Any]:
        """Describe the members for the status: version, window, out-of-sample metrics, age."""
        if self._provider is None:
            return {"state": "not read yet"}
        if not self._provider.members:
            return {"state": "; ".join(self._provider.faults.values()) or NOT_TRAINED}
        voting = [m.name for m in self._provider.members if m.card.skilled or not self._trading.rl.require_skill]
        return {
            "state": f"voting: {', '.join(voting)}" if voting else "trained, but no member votes",
            "members": {m.name: member_card(m, self._trading.rl, now) for m in self._provider.members},
            "faults": dict(self._provider.faults),
        }


def history(bars: BarPanel, tickers: Sequence[str]) -> Mapping[str, int]:
    """Count each ticker's sessions with a bar; 0 for one the panel does not know."""
    counts = dict(zip(bars.symbols, np.isfinite(bars.close).sum(axis=0).tolist(), strict=True))
    return {ticker: counts.get(ticker, 0) for ticker in tickers}


def sessions_needed(settings: RlSettings) -> int:
    """Count the sessions that warm-up, one episode and the validation take."""
    return WARM_UP_SESSIONS + settings.episode_sessions + settings.validation_sessions


def check_history(bars: BarPanel, tickers: Sequence[str], settings: RlSettings) -> None:
    """Refuse tickers whose bars cannot fill the warm-up, an episode and the validation.

    Raises
    ------
    RequestError
        Status 422, naming them.
    """
    need = sessions_needed(settings)
    short = {ticker: have for ticker, have in history(bars, tickers).items() if have < need}
    if short:
        listed = ", ".join(f"{ticker} ({sessions})" for ticker, sessions in short.items())
        raise RequestError(
            f"Too few sessions of history to train on: {listed}; {need} are needed.",
            hint="Leave these tickers out, or raise data.history_years.",
            status=422,
        )


def member_card(member: StoredMember, rl: RlSettings, now: datetime) -> Mapping[str, Any]:
    """Describe a member; its age counts from the last session that its training knew."""
    card = member.card
    labels_end = datetime.fromisoformat(card.window.labels_end).replace(tzinfo=UTC)
    return {
        **_summary(card, rl),
        "window": to_builtins(card.window),
        "tickers": list(card.tickers),
        "libraries": dict(card.libraries),
        "age_days": max(0, (now - labels_end).days),
    }


def _summary(card: MemberCard, rl: RlSettings) -> Mapping[str, Any]:
    return {
        "model_id": card.model_id,
        "weights_digest": card.weights_digest,
        "seed": card.seed,
        "steps": card.steps,
        "out_of_sample": to_builtins(card.out_of_sample),
        "better_than_chance": card.skilled,
        "votes": card.skilled or not rl.require_skill,
        "worth": _worth(card),
    }


def _worth(card: MemberCard) -> str:
    found = card.out_of_sample
    kind = "better than chance" if card.skilled else "not better than chance"
    return (
        f"{kind} on {found.sessions} judged sessions (p = {found.chance_p:.2f}): Sharpe "
        f"{found.sharpe:.2f} (seeds {found.sharpe_mean:.2f} ± {found.sharpe_spread:.2f}), "
        f"buy and hold {found.buy_and_hold_sharpe:.2f}, equal weight {found.equal_weight_sharpe:.2f}"
    )
