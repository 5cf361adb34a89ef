"""From a FinBERT's folder to the model in use: the kept artefact if it is of that model, else a new one."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import numpy as np
import structlog

from config.sentiment import SentimentSettings
from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.sentiment.finbert_artefact import FP32, HINT, FinbertArtefact, read
from models.sentiment.finbert_folder import FinbertFolder, cached_folder, read_folder
from models.sentiment.finbert_model import Finbert
from models.storage.examination import Examiner

SERVING, EXPORTING = ("onnxruntime", "tokenizers"), ("torch", "transformers", "onnx", "onnxscript")
INSTALL_HINT = "make run-all, or pip install -e '.[sentiment]'."
CHILD_NICENESS = 10
SAMPLE = ("Operating profit rose.", "Net loss widened on weak demand.", "The meeting will be held on 12 April.")
log = structlog.get_logger("sentiment")


def load_finbert(
    path: Path | None,
    settings: SentimentSettings,
    kept: Path,
    started: Callable[[BaseProcess], None],
    sound_models: Path | None = None,
) -> Finbert:
    """Find the model, export it in a child process if it was not, and open it once it was examined in one.

    Parameters
    ----------
    path : Path or None
        A local folder; None for the hub's cache. Where the hub's model is gone, its kept artefact is used.
    kept : Path
        The artefact's folder.
    started : callable
        Gets the exporting process, to end it when the daemon stops.
    sound_models : Path or None
        Where the models that were examined and found sound are remembered.

    Raises
    ------
    core.errors.ArtefactError
        When there is no model, or it cannot be used.
    """
    _require(SERVING)
    try:
        folder = _found(path, settings)
    except ArtefactError:
        old = _kept(kept)
        if path is not None or old is None or not old.source.startswith(f"{settings.model}@"):
            raise
        return _examined(old, kept, settings, sound_models)
    artefact = _kept(kept)
    if artefact is None or not _is_of(artefact, folder, settings):
        _require(EXPORTING)
        artefact = export_in_child(folder, kept, settings, started)
        log.info(
            "sentiment.exported",
            model_id=artefact.model_id,
            source=artefact.source,
            difference=artefact.difference,
            served=artefact.served,
        )
    if artefact.served == FP32:
        log.warning("sentiment.fp32", difference=artefact.difference, allowed=artefact.difference_max)
    return _examined(artefact, kept, settings, sound_models)


def _examined(
    artefact: FinbertArtefact, kept: Path, settings: SentimentSettings, sound_models: Path | None
) -> Finbert:
    """Open a model that a process which may die was found to open and use: a crafted graph ends it."""
    examiner = Examiner(finbert_fault, f"onnxruntime {version('onnxruntime')}", sound_models)
    digest = hashlib.sha256(msgspec.json.encode(artefact)).hexdigest()
    (fault,) = examiner.faults([(digest, os.fsencode(kept))])
    if fault:
        raise ArtefactError(f"{kept / artefact.served} cannot be used: {fault}.", hint=HINT)
    return Finbert(artefact, kept, threads=settings.threads)


def finbert_fault(folder: bytes) -> str:
    """Say what is wrong with a kept model: open it and score a sample; a crafted one may end the process."""
    path = Path(os.fsdecode(folder))
    artefact = read(path)
    if artefact is None:
        return "it is gone"
    scores = Finbert(artefact, path).scores(SAMPLE)
    return "" if np.isfinite(scores).all() and np.abs(scores).max() <= 1 else "its scores are out of range"


def export_in_child(
    folder: FinbertFolder, kept: Path, settings: SentimentSettings, started: Callable[[BaseProcess], None]
) -> FinbertArtefact:
    """Export in a process that gives its memory back.

    Raises
    ------
    core.errors.ArtefactError
        With the child's reason, or when it died.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(
        target=_export, args=(sending, folder, kept, settings), daemon=True, name="finbert-export"
    )
    child.start()
    started(child)
    sending.close()
    try:
        answer = receiving.recv()
    except EOFError:
        child.join()
        raise ArtefactError(f"The FinBERT export died with exit code {child.exitcode}.") from None
    child.join()
    if isinstance(answer, FinbertArtefact):
        return answer
    raise ArtefactError(str(answer))


def _export(sending: Connection, folder: FinbertFolder, kept: Path, settings: SentimentSettings) -> None:
    if hasattr(os, "nice"):
        os.nice(CHILD_NICENESS)
    try:
        import torch  # noqa: PLC0415  # heavy: in the child only

        from models.sentiment.finbert_export import make_artefact  # noqa: PLC0415  # heavy: in the child only

        torch.set_num_threads(settings.threads)
        sending.send(
            make_artefact(folder, kept, difference_max=settings.difference_max, tokens_max=settings.tokens_max)
        )
    except Exception as error:  # noqa: BLE001  # the process's edge: the parent must learn why
        sending.send(f"The FinBERT export failed: {plain_reason(error)}")


def _found(path: Path | None, settings: SentimentSettings) -> FinbertFolder:
    if path is not None:
        return read_folder(path)
    return cached_folder(settings.model, settings.revision, download=settings.download)


def _kept(kept: Path) -> FinbertArtefact | None:
    """Read the kept artefact; a changed one is not used, and made again from the model."""
    try:
        return read(kept)
    except ArtefactError as error:
        log.error("sentiment.artefact_refused", reason=str(error))
        return None


def _is_of(artefact: FinbertArtefact, folder: FinbertFolder, settings: SentimentSettings) -> bool:
    made_for = (artefact.source_digest, artefact.labels, artefact.tokens_max, artefact.difference_max)
    return made_for == (folder.digest, folder.labels, settings.tokens_max, settings.difference_max)


def _require(packages: tuple[str, ...]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ArtefactError(f"FinBERT needs {', '.join(missing)}, which is not installed.", hint=INSTALL_HINT)
