"""FinBERT as it is served: onnxruntime on one thread, texts batched by length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactError
from core.plain_words import plain_reason
from core.types import Floats
from models.sentiment.finbert_artefact import TOKENIZER, FinbertArtefact
from models.sentiment.finbert_folder import LABEL_SCORES

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]  # ships no types

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PADDING_SHARE_MAX = 0.15
CHARACTERS_MAX = 4_000


class FinbertTokens:
    """The model's own tokenizer, cutting at `tokens_max` tokens."""

    def __init__(self, path: Path, tokens_max: int) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415  # heavy: imported at first use

        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.enable_truncation(tokens_max)
        self._tokenizer.no_padding()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's token ids; what is no Unicode text becomes question marks."""
        plain = [text[:CHARACTERS_MAX].encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [coded.ids for coded in self._tokenizer.encode_batch(plain)]

    def __call__(self, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Give the model's inputs, padded to the longest text."""
        return padded(self.ids(texts))


class Finbert:
    """Gives each text its sentiment score: the probability of positive less that of negative.

    Parameters
    ----------
    folder : Path
        Where the artefact's files are.
    threads : int
        Of onnxruntime; a second one nearly doubles the speed on idle cores and halves it on busy ones.
    batch_tokens_max : int
        Tokens computed at once, padding included: 512 keep the intermediate values in the processor's cache.
    """

    confidence_scale = 1.0
    at_once_max = 8

    def __init__(
        self, artefact: FinbertArtefact, folder: Path, *, threads: int = 1, batch_tokens_max: int = 512
    ) -> None:
        self.model_id = artefact.model_id
        self.artefact = artefact
        self._tokens = FinbertTokens(folder / TOKENIZER, artefact.tokens_max)
        self._session = opened(folder / artefact.served, threads=threads)
        self._label_scores = np.array([LABEL_SCORES[label] for label in artefact.labels])
        self._batch_tokens_max = batch_tokens_max

    def scores(self, texts: Sequence[str]) -> Floats:
        """Score texts of any number and length.

        int8 scales its activations by the batch, so a score may move by some thousandths with the texts beside
        it: the caller keeps the first answer.

        Returns
        -------
        ndarray of float64, shape (n,)
            In [-1, 1]; an empty text gets 0.
        """
        out = np.zeros(len(texts))
        not_empty = [place for place, text in enumerate(texts) if text.strip()]
        ids = self._tokens.ids([texts[place] for place in not_empty])
        for batch in batches([len(row) for row in ids], self._batch_tokens_max):
            logits = self._session.run(None, padded([ids[place] for place in batch]))[0]
            out[[not_empty[place] for place in batch]] = probabilities(logits) @ self._label_scores
        return out


def batches(lengths: Sequence[int], tokens_max: int) -> Iterator[list[int]]:
    """Group texts of like length: at most `tokens_max` tokens a batch, and at most 15 % of it padding."""
    batch: list[int] = []
    tokens = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        size = lengths[batch[0]] * (len(batch) + 1) if batch else 0
        if batch and (size > tokens_max or size - tokens - lengths[place] > PADDING_SHARE_MAX * size):
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += lengths[place]
    if batch:
        yield batch


def padded(ids: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """Lay token ids out as the model's inputs, shape (n, longest)."""
    width = max(len(row) for row in ids)
    table, mask = np.zeros((2, len(ids), width), dtype=np.int64)
    for place, row in enumerate(ids):
        table[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return dict(zip(INPUTS, (table, mask, np.zeros_like(table)), strict=True))


def probabilities(logits: Any) -> Floats:
    """Give the softmax of each row, in float64."""
    raised = np.asarray(logits, dtype=np.float64)
    powers = np.exp(raised - raised.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def opened(path: Path, *, threads: int) -> InferenceSession:
    """Open an ONNX file for the CPU.

    Raises
    ------
    core.errors.ArtefactError
        When onnxruntime cannot read it.
    """
    import onnxruntime as ort  # noqa: PLC0415  # heavy: imported at first use

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread leaves its core
    try:
        return ort.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],  # its CPU kernel is slower than the two it joins
        )  # fmt: skip
    except Exception as error:  # onnxruntime's own exceptions have no common public base
        raise ArtefactError(f"{path} cannot be opened by onnxruntime: {plain_reason(error)}.") from error
