"""The ranker's booster: loaded by XGBoost, and looked through for what its own reader does not refuse.

XGBoost follows child indices, feature indices and tree groups as they stand in the file: one out of range reads
foreign memory and ends the process. So a booster is examined in a process that may die
(`models.ranker.booster_check`) before the engine's process loads the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactError
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import HINT

if TYPE_CHECKING:
    import xgboost

FEATURES = len(FACTOR_NAMES)
TREES_MAX = 5_000
DEPTH_MAX = 16
PROBES = 256
LEAF = -1


def load_booster(body: bytes) -> xgboost.Booster:
    """Load a booster; XGBoost is imported at the first use.

    Raises
    ------
    ArtefactError
        When XGBoost refuses it, or it was trained on another number of factors than there are.
    """
    import xgboost as library  # noqa: PLC0415  heavy: imported at first use

    try:
        booster = library.Booster({"nthread": 1}, model_file=bytearray(body))
        found = booster.num_features()
    except library.core.XGBoostError as error:
        raise ArtefactError("XGBoost cannot read the stored ranker.", hint=HINT) from error
    if found != FEATURES:
        raise ArtefactError(f"The stored ranker was trained on {found} factors, not on {FEATURES}.", hint=HINT)
    return booster


def booster_fault(body: bytes) -> str:
    """Say what is wrong with a booster; empty when nothing is. A crafted one may end the process or its time.

    The trees are checked as XGBoost itself writes them again after loading, then probes are predicted and
    explained, so that what passes is what the engine would use.
    """
    try:
        booster = load_booster(body)
    except ArtefactError as error:
        return error.message
    for fault in _structure_faults(json.loads(bytes(booster.save_raw("json")))):
        return fault
    return _probe_fault(booster)


def _structure_faults(model: Mapping[str, Any]) -> Iterable[str]:
    learner = model["learner"]
    gradient_booster = learner["gradient_booster"]
    if gradient_booster.get("name") != "gbtree" or learner["objective"].get("name") != "binary:logistic":
        yield "it is no binary gbtree"
        return
    forest = gradient_booster["model"]
    trees, starts = forest["trees"], forest.get("iteration_indptr", [0, len(forest["trees"])])
    if not 1 <= len(trees) <= TREES_MAX:
        yield f"it has {len(trees)} trees, {TREES_MAX} are allowed"
        return
    if len(forest["tree_info"]) != len(trees) or any(forest["tree_info"]):
        yield "its trees are of groups that a binary model does not have"
    if starts[0] != 0 or starts[-1] != len(trees) or np.any(np.diff(starts) < 0):
        yield "its rounds do not fit its trees"
    for number, tree in enumerate(trees):
        fault = _tree_fault(tree)
        if fault:
            yield f"tree {number} {fault}"


def _tree_fault(tree: Mapping[str, Any]) -> str:
    left, right, split = (
        np.asarray(tree[name], dtype=np.int64) for name in ("left_children", "right_children", "split_indices")
    )
    count = len(left)
    if not count or len(right) != count or len(split) != count:
        return "has no nodes, or columns of unequal length"
    if any(tree.get("categories") or ()) or np.any(np.asarray(tree.get("split_type", ()))):
        return "splits by category"
    inner = left != LEAF
    if np.any((split[inner] < 0) | (split[inner] >= FEATURES)):
        return "splits by a factor that there is not"
    children = np.stack([left[inner], right[inner]])
    if np.any((children < 0) | (children >= count)):
        return "has a child out of range"
    return _walk_fault(left, right)


def _walk_fault(left: NDArray[np.int64], right: NDArray[np.int64]) -> str:
    """Walk a tree level by level from its root: each node is reached once, within the depth allowed."""
    reached = np.zeros(len(left), dtype=np.bool_)
    level = np.zeros(1, dtype=np.int64)
    for _ in range(DEPTH_MAX + 1):
        if np.any(reached[level]) or len(np.unique(level)) != len(level):
            return "has a node that is reached twice"
        reached[level] = True
        inner = level[left[level] != LEAF]
        level = np.concatenate([left[inner], right[inner]])
        if not len(level):
            return ""
    return f"is deeper than {DEPTH_MAX}"


def _probe_fault(booster: xgboost.Booster) -> str:
    import xgboost as library  # noqa: PLC0415  heavy: imported at first use

    rng = np.random.default_rng(0)
    probes = rng.uniform(-3.0, 3.0, (PROBES, FEATURES))
    probes[1::4][rng.random((PROBES // 4, FEATURES)) < 0.2] = np.nan
    margins = booster.inplace_predict(probes, predict_type="margin")
    shares = booster.predict(library.DMatrix(probes, nthread=1), pred_contribs=True)
    if margins.shape != (PROBES,) or shares.shape != (PROBES, FEATURES + 1):
        return "its predictions are of another shape"
    return "" if np.isfinite(margins).all() and np.isfinite(shares).all() else "its predictions are not finite"
