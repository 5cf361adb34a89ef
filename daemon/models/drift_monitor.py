"""Monitors the ranker in use for drift, once a session, and alerts when a threshold is passed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from config.drift import DriftSettings
from core.errors import ArtefactError
from core.plain_words import plain_reason
from core.ports import EventSink
from core.types import BarPanel, MarketView

if TYPE_CHECKING:
    from models.factors.store import FactorStore
    from models.ranker.artefact import QuantArtefact
    from models.ranker.booster_check import BoosterCheck
    from models.ranker.drift import RankerInUse
    from models.ranker.factor_drift import Stability
    from models.ranker.ranker import Ranker

log = structlog.get_logger("drift")
RANKERS_READ = 32
BOOTSTRAP_SEED = 0  # the same window has the same limits


class DriftMonitor:
    """Keeps what is known of the ranker's drift.

    Attributes
    ----------
    found : mapping
        For the status: PSI by factor, the live rank IC beside the out-of-sample one, and the alarms.
    """

    def __init__(self, folder: Path, settings: DriftSettings, events: EventSink, check: BoosterCheck) -> None:
        self._folder = folder
        self._check = check
        self._settings = settings
        self._events = events
        self._measured = ("", "")
        self._alerted: tuple[str, ...] = ()
        self._read: Callable[[str], Ranker] = lru_cache(maxsize=RANKERS_READ)(self._read_version)
        self.found: Mapping[str, Any] = {"state": "not judged yet"}

    @property
    def alarms(self) -> list[str]:
        """What is past its threshold."""
        return list(self.found.get("alarms", ()))

    def update(self, view: MarketView, factors: FactorStore, artefact: QuantArtefact | None) -> None:
        """Measure the ranker in use by what is known now; once a session and model. It never fails."""
        if artefact is None or view.row < 0 or self._measured == (str(view.session), artefact.model_id):
            return
        self._measured = (str(view.session), artefact.model_id)
        try:
            self.found, causes = self._measure(view, factors, artefact)
        except Exception as error:  # whatever is wrong with the monitor, it must not stop the trading
            log.exception("drift.not_judged")
            self.found, causes = {"state": f"not judged: {plain_reason(error)}", "alarms": []}, ()
        if (alarms := (artefact.model_id, *causes)) != self._alerted:
            for message in self.found["alarms"]:
                log.warning("drift.alarm", model_id=artefact.model_id, reason=message)
                self._events.publish(
                    "risk.alert", view.as_of, {"message": message, "model_id": artefact.model_id}
                )
        self._alerted = alarms

    def _measure(
        self, view: MarketView, factors: FactorStore, artefact: QuantArtefact
    ) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        from models.ranker.drift import live_scores  # noqa: PLC0415  # heavy: at first use
        from models.ranker.factor_drift import factor_drift  # noqa: PLC0415  # heavy: at first use
        from models.ranker.metrics import standard_error  # noqa: PLC0415  # heavy: at first use

        bars, table = view.bars, factors.history(view.bars)
        moved = factor_drift(
            table,
            bars.sessions,
            artefact.window,
            recent_sessions=self._settings.recent_sessions,
            false_alarms_month_max=self._settings.false_alarms_month_max,
            rng=np.random.default_rng(BOOTSTRAP_SEED),
        )
        live = live_scores(bars, table, self._models(), artefact)
        horizon = artefact.horizon_sessions
        known = {
            "sessions": len(live.day) if live else 0,
            "rank_ic": round(float(live.rank_ic.mean()), 4) if live else None,
            "rank_ic_standard_error": round(standard_error(live.rank_ic, horizon), 4) if live else None,
        }
        promised = {name: artefact.metrics[name] for name in ("rank_ic", "rank_ic_standard_error")}
        alarms = {
            **self._shifted(moved.factors, sessions_to_learn(bars, artefact)),
            **self._worse(known, promised),
        }
        found = {
            "state": "judged",
            "model_id": artefact.model_id,
            "judged_at": view.as_of.isoformat(),
            "bars_until": str(view.session),
            "psi": {name: round(found.psi, 4) for name, found in moved.factors.items()},
            "psi_limit": {
                name: round(max(found.limit, self._settings.psi_max), 4) if math.isfinite(found.limit) else None
                for name, found in moved.factors.items()
            },
            "false_alarms_month": {
                "declared_max": self._settings.false_alarms_month_max,
                "bootstrap": moved.false_alarms_month,
            },
            "live": known,
            "out_of_sample": promised,
            "alarms": list(alarms.values()),
        }
        return found, tuple(alarms)

    def _shifted(self, stability: Mapping[str, Stability], to_train: int) -> dict[str, str]:
        shifted = {
            name: f"{name} {found.psi:.2f} (limit {max(self._settings.psi_max, found.limit):.2f})"
            for name, found in stability.items()
            if found.psi > max(self._settings.psi_max, found.limit)
        }
        if not shifted:
            return {}
        message = (
            f"The ranker's factors have moved away from what it learnt: PSI of {', '.join(shifted.values())}; "
            f"a month without a shift passes a limit with {self._settings.false_alarms_month_max:.0%}. Check the "
            f"feed; POST /quant/retrain would learn {to_train} newer "
            "sessions."
        )
        return {f"psi: {', '.join(shifted)}": message}

    def _worse(self, live: Mapping[str, Any], promised: Mapping[str, float]) -> dict[str, str]:
        if live["sessions"] < self._settings.rank_ic_sessions_min:
            return {}
        error = float(np.hypot(live["rank_ic_standard_error"], promised["rank_ic_standard_error"]))
        limit = promised["rank_ic"] - self._settings.rank_ic_standard_errors_max * error
        if live["rank_ic"] >= limit:
            return {}
        message = (
            f"The ranker ranks worse live than out of sample: rank IC {live['rank_ic']:+.4f} on "
            f"{live['sessions']} sessions, promised {promised['rank_ic']:+.4f}, limit {limit:+.4f}. "
            "POST /quant/retrain, or POST /quant/rollback."
        )
        return {"rank_ic": message}

    def _models(self) -> list[RankerInUse]:
        """Return the kept rankers in the order they were put in use; a rollback is not followed."""
        from models.ranker.drift import RankerInUse  # noqa: PLC0415  # heavy: at first use
        from models.ranker.versions import versions  # noqa: PLC0415  # heavy: at first use

        known = sorted(versions(self._folder), key=lambda version: version.saved_at)
        rankers = [self._read(version.sha256) for version in known]
        faults = self._check.faults([ranker.artefact.booster for ranker in rankers])
        for version, fault in zip(known, faults, strict=True):
            if fault:
                raise ArtefactError(f"The kept ranker {version.model_id} cannot be used: {fault}.")
        return [
            RankerInUse(ranker=ranker, since=_stamp(version.saved_at))
            for ranker, version in zip(rankers, known, strict=True)
        ]

    def _read_version(self, sha256: str) -> Ranker:
        from models.ranker.ranker import Ranker  # noqa: PLC0415  # heavy: at first use
        from models.ranker.versions import load_version  # noqa: PLC0415  # heavy: at first use

        return Ranker(load_version(self._folder, sha256))


def sessions_to_learn(bars: BarPanel, artefact: QuantArtefact) -> int:
    """Count the sessions a training now has that the ranker's had not; the newest have no outcome yet."""
    trained_until = np.datetime64(artefact.window.last, "D")
    newer = int((bars.sessions.astype("datetime64[D]") > trained_until).sum())
    return max(0, newer - artefact.purge_sessions - 1)


def _stamp(iso: str) -> np.datetime64:
    return np.datetime64(datetime.fromisoformat(iso).astimezone(UTC).replace(tzinfo=None), "us")
