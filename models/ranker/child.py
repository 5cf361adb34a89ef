"""The ranker's training as it runs in a child process: plain data in, an encoded artefact out."""

from __future__ import annotations

from collections.abc import Mapping

from config.trading import QuantSettings
from core.errors import ArtefactError
from core.types import BarPanel
from models.factors.store import FactorStore
from models.ranker.artefact import encode_artefact
from models.ranker.booster import booster_fault
from models.ranker.training import OnProgress, train_ranker


def retrain(
    on_progress: OnProgress, bars: BarPanel, sector_etf_of: Mapping[str, str], settings: QuantSettings
) -> bytes:
    """Train on the window that ends with the last bar, and examine the booster while it can do no harm.

    Returns
    -------
    bytes
        The artefact (`models.ranker.artefact.decode_artefact`).

    Raises
    ------
    core.errors.ArtefactError
        When XGBoost made a booster that the engine would not load.
    """
    on_progress(0.0, "computing factors")
    table = FactorStore(sector_etf_of).history(bars)
    artefact = train_ranker(bars, table, settings, len(bars.sessions) - 1, on_progress=on_progress)
    fault = booster_fault(artefact.booster)
    if fault:
        raise ArtefactError(f"The trained ranker cannot be used: {fault}.", hint="The current one stays in use.")
    return encode_artefact(artefact)
