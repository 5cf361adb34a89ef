"""Small ranker artefacts for tests: trained nowhere, or on noise in a moment."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np

from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import VERSION, DailyFigures, QuantArtefact, TrainingWindow, model_name
from models.ranker.calibration import Calibration
from models.ranker.training import FitTask, fit_booster


def make(seed: int = 0) -> QuantArtefact:
    """Describe a ranker whose booster is none."""
    return with_booster(bytes([seed]) * 100, samples=100 + seed)


def with_booster(booster: bytes, samples: int = 100) -> QuantArtefact:
    """Describe a ranker with these bytes as its booster."""
    calibration = Calibration(slope=0.5, intercept=-1.0)
    return QuantArtefact(
        model_id=model_name(booster, calibration, "2025-02-27"),
        version=VERSION,
        feature_names=FACTOR_NAMES,
        booster=booster,
        calibration=calibration,
        window=TrainingWindow(first="2023-08-28", last="2025-01-28", labels_end="2025-02-27"),
        samples=samples,
        metrics={"auc": 0.55, "base_rate": 0.25, "rank_ic": 0.02, "rank_ic_standard_error": 0.01},
        daily=DailyFigures(sessions=["2024-01-02"], rank_ic=[0.1], brier=[0.18]),
        settings={"max_depth": 4, "horizon_sessions": 21, "purge_sessions": 21, "top_quantile": 0.75},
        libraries={"xgboost": "3"},
    )


@cache
def sound_booster() -> bytes:
    """Fit three small trees on noise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, len(FACTOR_NAMES))), (rng.random(400) > 0.75).astype(np.float64)
    task = FitTask(X=X, y=y, ask=X[:0], max_depth=3, n_estimators=3, learning_rate=0.1, seed=0)
    return fit_booster(task)[0]


def renamed(artefact: QuantArtefact) -> QuantArtefact:
    """Give an artefact the name that its content asks for, as one who tampers with it would."""
    name = model_name(artefact.booster, artefact.calibration, artefact.labels_end)
    return msgspec.structs.replace(artefact, model_id=name)
