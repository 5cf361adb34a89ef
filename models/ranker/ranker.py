"""The ranker in use: one session's z-scores to calibrated probabilities and their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from core.types import Floats
from models.ranker.artefact import QuantArtefact
from models.ranker.booster import load_booster
from models.ranker.samples import complete_enough

EXPLANATIONS_KEPT = 4096  # a book may hold a whole universe of thousands, and asks for each of it every step

if TYPE_CHECKING:
    import xgboost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """The ranker's figures for each row it was given.

    Attributes
    ----------
    p_outperform : ndarray of float64, shape (N,)
        Calibrated probability of ending in the top quarter; NaN for a row that was left out.
    margin : ndarray of float64, shape (N,)
        Log-odds before calibration; finer than the probability when the calibration is flat.
    """

    p_outperform: Floats
    margin: Floats


class Ranker:
    """Ranks stocks with a trained artefact; XGBoost is imported at the first use.

    Parameters
    ----------
    artefact : QuantArtefact
    explanations_max : int
        How many stocks' explanations are remembered.
    """

    def __init__(self, artefact: QuantArtefact, *, explanations_max: int = EXPLANATIONS_KEPT) -> None:
        self.artefact = artefact
        self._explanations_max = explanations_max
        self._explained: dict[bytes, Floats] = {}

    @cached_property
    def _booster(self) -> xgboost.Booster:
        return load_booster(self.artefact.booster)

    def may_rank(self, session: np.datetime64) -> bool:
        """Return whether the model may be used on a view whose last session is `session`."""
        return bool(session.astype("datetime64[D]") > np.datetime64(self.artefact.labels_end, "D"))

    def rank(self, z: Floats) -> Ranking:
        """Rank the stocks of one session.

        Parameters
        ----------
        z : ndarray of float64, shape (N, 13)
            Cross-sectional z-scores; all NaN for what is no stock. A row that misses more than 3 factors is
            left out, as it was in training.
        """
        margin = np.full(len(z), np.nan)
        chosen = np.flatnonzero(complete_enough(z))
        if chosen.size:
            margin[chosen] = self._booster.inplace_predict(z[chosen], predict_type="margin")
        return Ranking(p_outperform=self.artefact.calibration.probability(margin), margin=margin)

    def contributions(self, z: Floats) -> Floats:
        """Return what each factor of some stocks added to their margins: XGBoost's own SHAP values.

        Exact, but fifty times the cost of the prediction, so it is computed only for what is decided on; the last
        ones are remembered. A stock's values do not depend on the others beside it.

        Parameters
        ----------
        z : ndarray of float64, shape (n, 13)

        Returns
        -------
        ndarray of float64, shape (n, 13)
        """
        wanted = [row.tobytes() for row in z]
        known = self._explained
        missing = [name for name in dict.fromkeys(wanted) if name not in known]
        if missing:
            found = self._explain(np.frombuffer(b"".join(missing)).reshape(len(missing), -1))
            known.update(zip(missing, found, strict=True))
        shares = np.array([known[name] for name in wanted]).reshape(z.shape)
        for name in list(known)[: max(0, len(known) - self._explanations_max)]:
            del known[name]
        return shares

    def _explain(self, z: Floats) -> Floats:
        import xgboost as library  # noqa: PLC0415  heavy: imported at first use

        shares = self._booster.predict(library.DMatrix(z, nthread=1), pred_contribs=True)
        return np.asarray(shares[:, :-1].astype(np.float64))
