"""The ranker's training as it runs in a child process: plain data in, plain data out."""

from __future__ import annotations

from typing import Any

from config.trading import QuantSettings
from core.types import BarPanel
from models.factors.store import FactorStore
from models.ranker.training import Progress, train_ranker


def retrain(progress: Progress, bars: BarPanel, settings: QuantSettings) -> dict[str, Any]:
    """Train on the window that ends with the last bar; give the artefact as nested dicts and lists."""
    progress(0.0, "computing factors")
    table = FactorStore().history(bars)
    artefact = train_ranker(bars, table, settings, len(bars.sessions) - 1, progress=progress)
    return artefact.to_plain()
