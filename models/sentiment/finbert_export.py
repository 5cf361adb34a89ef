"""FinBERT from torch to ONNX and int8, checked against torch. Runs in a child process: it needs 3 GB for a while.

The exported graph computes the last layer for the first position only, which is all that the classifier reads;
the numbers stay the same, and the comparison below says so of every export.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ArtefactError
from core.plain_words import plain_reason
from core.types import Floats
from models.sentiment.finbert_artefact import FP32, INT8, TOKENIZER, FinbertArtefact, keep
from models.sentiment.finbert_folder import FinbertFolder, sha256_of
from models.sentiment.finbert_model import INPUTS, opened, probabilities

OPSET = 20  # the first with Gelu as one operator, which onnxruntime computes at once
EXPORT_DIFFERENCE_MAX = 1e-3
SAMPLE = (
    "Operating profit rose to EUR 13.1 mn from EUR 8.7 mn a year earlier.",
    "The company warned that full-year sales would fall short of its forecast.",
    "The annual general meeting will be held in Helsinki on 12 April.",
    "Shares plunged 18% after regulators opened an investigation.",
    "Analysts lift their price targets after the chipmaker beats estimates.",
    "Net loss widened on restructuring costs and weak demand.",
    "The bank names a new chief financial officer.",
    "Dividend unchanged at 25 cents a share.",
    "Airline cancels all flights as strike continues.",
    "Free cash flow doubled and the board approved a buyback.",
    "Oil steadies ahead of inventory data.",
    "The retailer will close 40 stores and cut 2,000 jobs.",
    "Margins improved despite higher input costs.",
    "Fed holds rates, signals two cuts next year.",
    "Drug fails in late-stage trial.",
    "Orders received grew by 7 percent.",
)


def make_artefact(folder: FinbertFolder, out: Path, *, difference_max: float, tokens_max: int) -> FinbertArtefact:
    """Export, quantise, compare, and keep what is to be served.

    Parameters
    ----------
    out : Path
        Where the artefact goes; replaced at the end, in one go.
    difference_max : float
        Largest difference in a probability that int8 may make on the sample; above it fp32 is served.

    Raises
    ------
    core.errors.ArtefactError
        When the weights cannot be loaded, are no BERT classifier, or ONNX does not compute what torch does.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = _model(folder)
    tokenizer = _tokenizer(folder, out, tokens_max)
    fp32, int8 = out / f"{FP32}.new", out / f"{INT8}.new"
    _export(model, fp32)
    feed = tokenizer(list(SAMPLE))
    wanted = _by_torch(model, feed)
    _refuse_a_wrong_export(_by_onnx(fp32, feed), wanted, folder)
    _quantise(fp32, int8)
    difference = float(np.abs(_by_onnx(int8, feed) - wanted).max())
    served = INT8 if difference <= difference_max else FP32
    (int8 if served == INT8 else fp32).replace(out / served)
    for rest in (fp32, int8):
        rest.unlink(missing_ok=True)
    artefact = FinbertArtefact(
        source=folder.name, source_digest=folder.digest, labels=folder.labels, served=served,
        sha256=sha256_of(out / served), tokenizer_sha256=sha256_of(out / TOKENIZER), tokens_max=tokens_max,
        difference=difference, difference_max=difference_max,
    )  # fmt: skip
    keep(artefact, out)
    return artefact


def _model(folder: FinbertFolder) -> Any:
    from transformers import BertForSequenceClassification  # noqa: PLC0415  # heavy
    from transformers import logging as transformers_log  # noqa: PLC0415  # heavy

    transformers_log.set_verbosity_error()
    transformers_log.disable_progress_bar()
    load: Any = BertForSequenceClassification.from_pretrained
    try:
        model, loading = load(
            folder.path, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            attn_implementation="eager", output_loading_info=True,
        )  # fmt: skip
    except Exception as error:  # the vendor raises its own, safetensors' and plain RuntimeErrors
        raise ArtefactError(f"{folder.path}: the weights cannot be loaded: {plain_reason(error)}.") from error
    missing = sorted(set(loading["missing_keys"]) | {str(key) for key in loading["mismatched_keys"]})
    if missing:
        raise ArtefactError(
            f"{folder.path}: the weights lack {', '.join(missing[:4])}; they are not this model's.",
            hint="Take configuration and weights from one revision.",
        )
    return model.float().eval()


def _tokenizer(folder: FinbertFolder, out: Path, tokens_max: int) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415  # heavy: imported at first use

    from models.sentiment.finbert_model import FinbertTokens  # noqa: PLC0415  # with the tokenizer

    try:
        fast = AutoTokenizer.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)
        fast.backend_tokenizer.save(str(out / TOKENIZER))
    except Exception as error:  # as above
        raise ArtefactError(f"{folder.path}: the tokenizer cannot be loaded: {plain_reason(error)}.") from error
    return FinbertTokens(out / TOKENIZER, tokens_max)


def _export(model: Any, path: Path) -> None:
    import torch  # noqa: PLC0415  # heavy: imported at first use

    from models.sentiment.finbert_graph import FirstPosition  # noqa: PLC0415  # brings torch

    batch, length = torch.export.Dim("batch", min=1, max=256), torch.export.Dim("length", min=2, max=512)
    example = tuple(torch.ones((3, 8), dtype=torch.int64) for _ in INPUTS)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():  # the exporter warns of its own and of Python's deprecations
        warnings.simplefilter("ignore")
        torch.onnx.export(
            FirstPosition(model).eval(), example, str(path), input_names=list(INPUTS), output_names=["logits"],
            dynamic_shapes=tuple({0: batch, 1: length} for _ in INPUTS), opset_version=OPSET, dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip


def _quantise(fp32: Path, int8: Path) -> None:
    from onnxruntime.quantization import (  # type: ignore[import-untyped]  # noqa: PLC0415  # no types; heavy
        QuantType,
        quantize_dynamic,
    )

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises, on the root logger, a pre-processing that changes nothing here
    try:
        quantize_dynamic(fp32, int8, weight_type=QuantType.QInt8)
    finally:
        root.setLevel(level)


def _by_torch(model: Any, feed: dict[str, Any]) -> Floats:
    import torch  # noqa: PLC0415  # heavy: imported at first use

    with torch.inference_mode():
        logits = model(**{name: torch.from_numpy(array) for name, array in feed.items()}).logits
    return probabilities(logits.numpy())


def _by_onnx(path: Path, feed: dict[str, Any]) -> Floats:
    return probabilities(opened(path, threads=1).run(None, feed)[0])


def _refuse_a_wrong_export(got: Floats, wanted: Floats, folder: FinbertFolder) -> None:
    difference = float(np.abs(got - wanted).max())
    if not difference <= EXPORT_DIFFERENCE_MAX:
        raise ArtefactError(
            f"{folder.name}: the exported model differs from torch by {difference:.3g} in a probability.",
            hint="Use the versions of torch, transformers and onnxruntime that constraints.txt pins.",
        )
