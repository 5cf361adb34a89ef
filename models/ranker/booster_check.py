"""Which boosters the engine's process may load: those that a process which may die was found to load and use."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.ranker.booster import booster_fault
from models.storage.examination import Examiner


class BoosterCheck:
    """Says what is wrong with boosters; each is examined once.

    Parameters
    ----------
    path : Path or None
        Where the sound ones are remembered across starts; None to remember them in this process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._examiner = Examiner(fault_without_wrappers, _library(), path)

    def faults(self, boosters: Sequence[bytes]) -> tuple[str, ...]:
        """Say of each booster what is wrong with it, empty where nothing is; an unknown one takes a second."""
        return self._examiner.faults([(_fingerprint(booster), booster) for booster in boosters])

    def trust(self, booster: bytes) -> None:
        """Remember a booster as sound that this engine's own training has just made and examined."""
        self._examiner.trust(_fingerprint(booster))


def fault_without_wrappers(body: bytes) -> str:
    """Say what is wrong with a booster, in a process that does nothing else.

    XGBoost's wrappers for scikit-learn are left out: they bring it and pandas, five times the rest of the time
    that the import takes.
    """
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]  # how an import is made to fail
    return booster_fault(body)


def _fingerprint(booster: bytes) -> str:
    return hashlib.sha256(booster).hexdigest()


def _library() -> str:
    for package in ("xgboost", "xgboost-cpu"):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return ""
