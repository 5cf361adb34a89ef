"""Which ranker may be used for a view: the stored one in the daemon, the fold's in a walk-forward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import ArtefactError
from core.types import Abstention, MarketView
from models.ranker.artefact import HINT, QuantArtefact
from models.ranker.booster_check import BoosterCheck
from models.ranker.ranker import Ranker
from models.ranker.versions import FILE, load_current

NO_MODEL = "no ranker is trained yet; the first start trains one, POST /quant/retrain does too"
IN_THIS_PROCESS = BoosterCheck()


class StoredRanker:
    """Provides the current artefact of a folder, read again when it was replaced or deleted.

    Parameters
    ----------
    check : BoosterCheck
        Examines the booster before anything of it is loaded in this process.
    """

    def __init__(self, folder: Path, check: BoosterCheck = IN_THIS_PROCESS) -> None:
        self._folder = folder
        self._check = check
        self._ranker: Ranker | None = None
        self.fault = ""
        self.reload()

    def reload(self) -> None:
        """Read the current artefact; a corrupt or foreign one is named in `fault` and not used."""
        try:
            artefact = load_current(self._folder)
            self._ranker = Ranker(artefact) if artefact is not None else None
            self.fault = booster_fault_of(artefact, self._check) if artefact is not None else ""
        except ArtefactError as error:
            self.fault = str(error)
        if self.fault:
            self._ranker = None

    @property
    def artefact(self) -> QuantArtefact | None:
        """The artefact in use, if there is one."""
        return self._ranker.artefact if self._ranker else None

    def model_for(self, view: MarketView) -> Ranker | Abstention:
        """Return the ranker unless it knows labels from the view's own future."""
        if self._ranker is None:
            return Abstention(agent="quant", reason=self.fault or NO_MODEL)
        return _if_past(self._ranker, view)


class WalkForwardRankers:
    """The folds of a walk-forward: a view gets the newest ranker whose labels had ended before it."""

    def __init__(self, rankers: Sequence[Ranker]) -> None:
        self._rankers = sorted(rankers, key=lambda ranker: ranker.artefact.labels_end)
        self._ends = np.array([r.artefact.labels_end for r in self._rankers], dtype="datetime64[D]")

    def model_for(self, view: MarketView) -> Ranker | Abstention:
        """Return the newest ranker that the view's day may know."""
        place = int(np.searchsorted(self._ends, view.session, side="left"))
        if place == 0:
            return Abstention(agent="quant", reason="no fold's labels end before this session")
        return self._rankers[place - 1]


def booster_fault_of(artefact: QuantArtefact, check: BoosterCheck) -> str:
    """Say what is wrong with an artefact's booster, and what to do; empty when nothing is."""
    (fault,) = check.faults((artefact.booster,))
    if not fault:
        return ""
    return f"{FILE} ({artefact.model_id}) holds a booster that cannot be used: {fault}. It is not used. {HINT}"


def _if_past(ranker: Ranker, view: MarketView) -> Ranker | Abstention:
    if ranker.may_rank(view.session):
        return ranker
    return Abstention(
        agent="quant",
        reason=f"{ranker.artefact.model_id} knows outcomes up to {ranker.artefact.labels_end}; "
        f"using it at {view.session} would be look-ahead",
    )
