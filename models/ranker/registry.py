"""Which ranker may be used for a view: the stored one in the daemon, the fold's in a walk-forward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import ArtefactError
from core.types import Abstention, MarketView
from models.ranker.artefact import QuantArtefact
from models.ranker.ranker import Ranker
from models.ranker.versions import load_current

NO_MODEL = "no ranker is trained yet; the first start trains one, POST /quant/retrain does too"


class StoredRanker:
    """The current artefact of a store, read again when it was replaced or deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ranker: Ranker | None = None
        self.fault = ""
        self.reload()

    def reload(self) -> None:
        """Read the current artefact; a corrupt or foreign one is named in `fault` and not used."""
        try:
            artefact = load_current(self._folder)
            self._ranker = Ranker(artefact) if artefact is not None else None
            self.fault = ""
        except ArtefactError as error:
            self._ranker = None
            self.fault = str(error)

    @property
    def artefact(self) -> QuantArtefact | None:
        """The artefact in use, if there is one."""
        return self._ranker.artefact if self._ranker else None

    def usable(self, view: MarketView) -> Ranker | Abstention:
        """Give the ranker unless it knows labels from the view's own future."""
        if self._ranker is None:
            return Abstention(agent="quant", reason=self.fault or NO_MODEL)
        return _if_past(self._ranker, view)


class WalkForwardRankers:
    """The folds of a walk-forward: a view gets the newest ranker whose labels had ended before it."""

    def __init__(self, rankers: Sequence[Ranker]) -> None:
        self._rankers = sorted(rankers, key=lambda ranker: ranker.artefact.labels_end)
        self._ends = np.array([r.artefact.labels_end for r in self._rankers], dtype="datetime64[D]")

    def usable(self, view: MarketView) -> Ranker | Abstention:
        """Give the newest ranker that the view's day may know."""
        place = int(np.searchsorted(self._ends, view.session, side="left"))
        if place == 0:
            return Abstention(agent="quant", reason="no fold's labels end before this session")
        return self._rankers[place - 1]


def _if_past(ranker: Ranker, view: MarketView) -> Ranker | Abstention:
    if ranker.may_judge(view.session):
        return ranker
    return Abstention(
        agent="quant",
        reason=f"{ranker.artefact.model_id} knows outcomes up to {ranker.artefact.labels_end}; "
        f"using it at {view.session} would be look-ahead",
    )
