"""What takes seconds to make and no test changes: made by the first worker that asks, for all of a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(
    name: str, make: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """Give the folder that `make` fills.

    Parameters
    ----------
    worker_id : str
        As pytest-xdist names this process: workers have a folder each, in one of the run.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    folder = shared / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            begun = shared / f"{name}.begun"
            shutil.rmtree(begun, ignore_errors=True)  # of a worker whose making failed
            begun.mkdir()
            make(begun)
            begun.rename(folder)  # whole or not there
    return folder
