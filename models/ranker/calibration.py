"""From the ranker's margins to probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from core.types import Floats

MARGIN_BOUND = 30.0


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Platt's two numbers: probability = 1 / (1 + exp(-(slope * margin + intercept))), slope at least 0."""

    slope: float
    intercept: float

    def probability(self, margin: Floats) -> Floats:
        """Give the calibrated probability of each margin (log-odds), in (0, 1); never falling."""
        score = np.clip(self.slope * margin + self.intercept, -MARGIN_BOUND, MARGIN_BOUND)
        return 1.0 / (1.0 + np.exp(-score))


def fit_calibration(margin: Floats, label: Floats) -> Calibration:
    """Fit Platt's sigmoid by maximum likelihood on predictions the model was not trained on.

    A negative slope would turn the ranking round; it is held at 0, and every stock gets the base rate: a
    ranker without skill out of sample has no opinion.

    Parameters
    ----------
    margin, label : ndarray of float64, shape (n,)
        Log-odds and 0 or 1, both labels present.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  heavy: imported at first use

    def loss(parameters: Floats) -> tuple[float, Floats]:
        score = parameters[0] * margin + parameters[1]
        away = 1.0 / (1.0 + np.exp(-np.clip(score, -MARGIN_BOUND, MARGIN_BOUND))) - label
        value = float(np.mean(np.logaddexp(0.0, score) - label * score))
        return value, np.array([np.mean(away * margin), np.mean(away)])

    rate = float(np.clip(label.mean(), 1e-6, 1 - 1e-6))
    start = np.array([0.5, np.log(rate / (1 - rate))])
    found = minimize(loss, start, jac=True, bounds=[(0.0, None), (None, None)], method="L-BFGS-B")
    return Calibration(slope=float(found.x[0]), intercept=float(found.x[1]))
