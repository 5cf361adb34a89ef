"""Training the ranker in the daemon: the first one by itself, later ones on request; promotion; the card."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import to_builtins

from config.trading import TradingSettings
from core.errors import ArtefactError, DataError, RequestError
from core.long_jobs import Job
from core.plain_words import plain_reason
from core.ports import Clock, EventSink
from core.types import MarketView
from daemon.models.drift_monitor import DriftMonitor

if TYPE_CHECKING:
    from daemon.child_jobs import JobRunner
    from models.factors.store import FactorStore
    from models.ranker.artefact import QuantArtefact
    from models.ranker.booster_check import BoosterCheck
    from models.ranker.registry import StoredRanker
    from pipeline.engine import Engine

log = structlog.get_logger("quant")
KIND = "quant_retrain"


class RankerService:
    """Keeps the ranker of the daemon: which one is in use, and how a new one comes to be."""

    def __init__(
        self, folder: Path, trading: TradingSettings, events: EventSink, sound_boosters: Path | None = None
    ) -> None:
        self._folder = folder
        self._trading = trading
        self._events = events
        self._sound_boosters = sound_boosters
        self._clock: Clock | None = None
        self._check: BoosterCheck | None = None
        self._provider: StoredRanker | None = None
        self._factors: FactorStore | None = None
        self._drift: DriftMonitor | None = None

    def open(self, clock: Clock, factors: FactorStore) -> None:
        """Read the stored ranker, old files written anew first; one that is refused is named and not used."""
        from models.ranker.booster_check import BoosterCheck  # noqa: PLC0415  # heavy: imported at first use
        from models.ranker.registry import StoredRanker  # noqa: PLC0415  # heavy: imported at first use

        self._clock, self._factors = clock, factors
        self._check = BoosterCheck(self._sound_boosters)
        self._drift = DriftMonitor(self._folder, self._trading.drift, self._events, self._check)
        rewrite_old_files(self._folder)
        self._provider = StoredRanker(self._folder, self._check)
        if self._provider.fault:
            log.error("quant.artefact_refused", reason=self._provider.fault)

    @property
    def provider(self) -> StoredRanker:
        """Where the quant agent takes its ranker from."""
        if self._provider is None:
            raise DataError("The stored ranker is not read yet.", hint="Wait for GET /ready.")
        return self._provider

    @property
    def loaded(self) -> bool:
        """Whether a ranker is in use."""
        return self._provider is not None and self._provider.artefact is not None

    @property
    def faults(self) -> list[str]:
        """What is wrong with the stored ranker, if anything."""
        if self._provider is None:
            return []
        if self._provider.fault:
            return [f"quant: {self._provider.fault}"]
        if not self.loaded:
            return ["quant: no ranker is trained yet"]
        return [f"quant: {alarm}" for alarm in self._drift.alarms] if self._drift else []

    def watch(self, view: MarketView | None) -> None:
        """Measure the drift of the ranker in use; the first step of a session does."""
        if view is not None and self._factors is not None and self._drift is not None:
            self._drift.update(view, self._factors, self.provider.artefact)

    def rollback(self, model_id: str = "") -> Mapping[str, Any]:
        """Put a kept version back in use: the one named, or the one before the one in use.

        Raises
        ------
        RequestError
            Status 409 when there is none, or its kept copy was changed.
        """
        from models.ranker.registry import booster_fault_of  # noqa: PLC0415  # heavy: imported at first use
        from models.ranker.versions import kept_version, rollback  # noqa: PLC0415  # heavy: at first use

        before, check = self.provider.artefact, self._opened_check
        try:
            fault = booster_fault_of(kept_version(self._folder, model_id), check)
            if fault:
                raise RequestError(fault, status=409)
            back = rollback(self._folder, model_id)
        except ArtefactError as error:
            raise RequestError(error.message, hint=error.hint, status=409) from error
        self.provider.reload()
        replaced = before.model_id if before else None
        why = f"rolled back from {replaced} by a person"
        log.warning("quant.rollback", model_id=back.model_id, replaced=replaced)
        changed = {"agent": "quant", "model_id": back.model_id, "reason": why}
        self._events.publish("model.updated", self._now(), changed)
        return {
            "model_id": back.model_id,
            "replaced": replaced,
            "window": to_builtins(back.window),
            "out_of_sample": dict(back.metrics),
            "versions": registry(self._folder),
        }

    def train_if_missing(self, engine: Engine, runner: JobRunner) -> None:
        """Train the first ranker where there is none and nothing is wrong with a stored file."""
        if not self.loaded and not self.provider.fault:
            log.info("quant.first_training", reason="there is no stored ranker")
            self.start(engine, runner, {})

    def start(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start a training in a child process on the bars known now.

        Raises
        ------
        RequestError
            409 when one runs already; 503 when there are no bars.
        """
        from models.ranker.child import retrain  # noqa: PLC0415  # heavy: imported at first use

        del parameters
        view = engine.last_view
        if view is None or view.row < 0:
            raise RequestError("There are no bars to train on yet.", hint="See the feed in /status.", status=503)
        source = view.source
        arguments = (view.bars, self._trading.universe.sector_etf_of, self._trading.quant)
        return runner.start(KIND, retrain, arguments, lambda body: self._finish(body, source))

    def _finish(self, body: bytes, source: str) -> Mapping[str, Any]:
        from models.ranker.artefact import decode_artefact  # noqa: PLC0415  # heavy: imported at first use
        from models.ranker.promotion import promote  # noqa: PLC0415  # heavy: imported at first use
        from models.ranker.versions import save  # noqa: PLC0415  # heavy: imported at first use

        new = decode_artefact(body)
        self._opened_check.trust(new.booster)
        self.provider.reload()  # the file may have been deleted or changed since it was read
        if self.provider.fault:
            set_aside(self._folder)
        current = self.provider.artefact
        log.info(f"QuantAgent v8: trained on {new.samples} samples", model_id=new.model_id, **new.metrics)
        promoted, why = promote(new, current)
        now = self._now()
        if promoted:
            save(new, self._folder, now)
            self.provider.reload()
            self._events.publish(
                "model.updated", now, {"agent": "quant", "model_id": new.model_id, "reason": why}
            )
        log.info("quant.promotion", promoted=promoted, reason=why)
        return {
            "samples": new.samples,
            "window": to_builtins(new.window),
            "data": {"source": source, "as_of": new.labels_end},
            "new": {"model_id": new.model_id, "metrics": dict(new.metrics)},
            "current": {"model_id": current.model_id, "metrics": dict(current.metrics)} if current else None,
            "promoted": promoted,
            "reason": why,
        }

    def cards(self, now: datetime) -> Mapping[str, Any]:
        """Describe each model: version, window, out-of-sample metrics, age."""
        artefact = self._provider.artefact if self._provider else None
        return {
            "quant": quant_card(artefact, now) | {"drift": self._drift.found, "versions": registry(self._folder)}
            if artefact and self._drift
            else {"state": (self.faults or ["not read yet"])[0]},
        }

    @property
    def _opened_check(self) -> BoosterCheck:
        assert self._check is not None  # noqa: S101  # opened with the provider
        return self._check

    def _now(self) -> datetime:
        return datetime.now(UTC) if self._clock is None else self._clock.now()


def registry(folder: Path) -> list[Mapping[str, Any]]:
    """List the kept versions, newest first, and which is in use; empty when the registry cannot be read."""
    from models.ranker.versions import fingerprint_in_use, versions  # noqa: PLC0415  # heavy: at first use

    try:
        used, known = fingerprint_in_use(folder), versions(folder)
    except ArtefactError:
        return []
    return [
        {
            "model_id": version.model_id,
            "saved_at": version.saved_at,
            "labels_end": version.labels_end,
            "samples": version.samples,
            "in_use": version.sha256 == used,
        }
        for version in reversed(known)
    ]


def rewrite_old_files(folder: Path) -> None:
    """Write old pickles anew as msgpack; where that fails they are read as they are, or refused by name."""
    from models.ranker.versions import rewrite_old_files as rewrite  # noqa: PLC0415  # heavy: at first use

    try:
        for model_id in rewrite(folder):
            log.info("quant.rewritten", model_id=model_id, reason="it was written by an engine up to 0.1")
    except (ArtefactError, OSError) as error:
        log.warning("quant.not_rewritten", reason=plain_reason(error))


def set_aside(folder: Path) -> None:
    """Keep a copy of a refused model and its registry before a new one takes their place."""
    from models.ranker.artefact import BYTES_MAX  # noqa: PLC0415  # heavy: imported at first use
    from models.ranker.versions import FILE, REGISTRY  # noqa: PLC0415  # heavy: imported at first use
    from models.storage.bounded_file import read_bounded  # noqa: PLC0415  # with the above

    for path in (folder / FILE, folder / REGISTRY):
        try:
            fingerprint = hashlib.sha256(read_bounded(path, BYTES_MAX, "")).hexdigest()[:8]
        except FileNotFoundError:
            continue
        except ArtefactError as error:
            log.warning("quant.refused_file_not_kept", reason=str(error))
            continue
        aside = path.with_name(f"{path.name}.refused-{fingerprint}")
        shutil.copy2(path, aside)
        log.warning("quant.refused_file_kept", kept_as=str(aside))


def quant_card(artefact: QuantArtefact, now: datetime) -> dict[str, Any]:
    """Describe a ranker; its age counts from the day its labels end."""
    labels_end = datetime.fromisoformat(artefact.labels_end).replace(tzinfo=UTC)
    return {
        "state": "in use",
        "model_id": artefact.model_id,
        "version": artefact.version,
        "window": to_builtins(artefact.window),
        "samples": artefact.samples,
        "out_of_sample": dict(artefact.metrics),
        "age_days": max(0, (now - labels_end).days),
    }
