"""FinBERT from a folder to served tones, on a tiny random BERT: load, export, quantise, compare, serve, cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.news.score_store import SentimentScoreStore
from config.sentiment import SentimentSettings
from core.errors import ArtefactError
from models.sentiment.finbert_artefact import FP32, INT8, MANIFEST, FinbertArtefact, read
from models.sentiment.finbert_folder import read_folder
from models.sentiment.finbert_model import Finbert, batches, padded
from models.sentiment.tone_cache import SentimentCache
from tests.tiny_finbert import LABELS, edit_config, write_finbert

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

TEXTS = [
    "profit rose 7 %", "loss", "the company cuts jobs", "shares down 3 %", "bank raises outlook",
    "dividend", "sales fell to eur 1 mn from eur 3 mn", "weak sales , strong profit",
]  # fmt: skip
DATA = Path(__file__).parents[4].parent / "shared" / "data"
ALLOWED = 1.0  # a random model's quantisation error says nothing; the limit has tests of its own


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_finbert(tmp_path_factory.mktemp("finbert") / "model")


@pytest.fixture(scope="module")
def made(model_folder: Path) -> tuple[FinbertArtefact, Path]:
    from models.sentiment.finbert_export import make_artefact

    out = model_folder.parent / "kept"
    return make_artefact(read_folder(model_folder), out, difference_max=ALLOWED, tokens_max=32), out


def torch_tones(folder: Path, texts: list[str]) -> Any:
    """The slow reference: transformers' own tokenizer and model, label order by the model's own names."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(
            **tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
        ).logits
    p, place = torch.softmax(logits, 1).numpy(), model.config.label2id
    return p[:, place["positive"]] - p[:, place["negative"]]


def test_the_exported_model_says_what_torch_says(made: tuple[FinbertArtefact, Path], model_folder: Path) -> None:
    artefact, out = made
    reference = torch_tones(model_folder, TEXTS)
    assert np.ptp(reference) > 0.5  # the random model tells texts apart
    assert artefact.labels == LABELS and artefact.served == INT8
    assert np.abs(Finbert(artefact, out).scores(TEXTS) - reference).max() <= 2 * artefact.difference + 0.2


def test_the_manifest_names_the_files_by_digest_and_the_difference(made: tuple[FinbertArtefact, Path]) -> None:
    artefact, out = made
    assert read(out) == artefact
    assert 0 < artefact.difference <= artefact.difference_max == ALLOWED
    assert sorted(path.name for path in out.iterdir()) == [INT8, MANIFEST, "tokenizer.json"]
    assert artefact.sha256[:8] in artefact.model_id


@pytest.mark.parametrize("file", [INT8, "tokenizer.json"])
def test_a_changed_file_is_not_used(made: tuple[FinbertArtefact, Path], tmp_path: Path, file: str) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(made[1], kept)
    with (kept / file).open("ab") as content:
        content.write(b" ")
    with pytest.raises(ArtefactError, match="not the file this engine wrote"):
        read(kept)


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"served": "../../x"}'])
def test_a_broken_manifest_is_not_used(tmp_path: Path, body: str) -> None:
    (tmp_path / MANIFEST).write_text(body, encoding="utf-8")
    with pytest.raises(ArtefactError, match="cannot be read"):
        read(tmp_path)
    assert read(tmp_path / "none") is None


def test_labels_in_another_order_give_the_same_meaning(model_folder: Path, tmp_path: Path) -> None:
    swapped = tmp_path / "swapped"
    shutil.copytree(model_folder, swapped)
    edit_config(swapped, id2label={"0": "neutral", "1": "negative", "2": "positive"})
    assert read_folder(swapped).labels == ("neutral", "negative", "positive")
    assert read_folder(swapped).digest != read_folder(model_folder).digest


@pytest.mark.parametrize(
    "labels",
    [{"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, {"0": "positive", "1": "negative"}, {}, None, "positive"],
)
def test_other_labels_are_refused(model_folder: Path, tmp_path: Path, labels: object) -> None:
    other = tmp_path / "other"
    shutil.copytree(model_folder, other)
    edit_config(other, id2label=labels)
    with pytest.raises(ArtefactError, match="what its outputs mean is unknown"):
        read_folder(other)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (("config.json",), "config.json cannot be read"),
        (("model.safetensors",), "no model.safetensors"),
        (("vocab.txt", "tokenizer.json"), "no tokenizer"),
    ],
)
def test_a_missing_file_is_named(model_folder: Path, tmp_path: Path, gone: tuple[str, ...], words: str) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(model_folder, torn)
    for name in gone:
        (torn / name).unlink()
    with pytest.raises(ArtefactError, match=words):
        read_folder(torn)
    with pytest.raises(ArtefactError, match="no FinBERT folder"):
        read_folder(tmp_path / "nowhere")


def test_pickled_weights_are_refused_by_name(model_folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(model_folder, old)
    (old / "model.safetensors").rename(old / "pytorch_model.bin")
    with pytest.raises(ArtefactError, match=r"pytorch_model.bin may run code"):
        read_folder(old)


def test_a_tokenizer_of_another_model_is_refused(model_folder: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(model_folder, mixed)
    with (mixed / "vocab.txt").open("a", encoding="utf-8") as words:
        words.write("one\ntwo\n")
    with pytest.raises(ArtefactError, match="of different models"):
        read_folder(mixed)


def test_weights_of_another_model_are_refused(model_folder: Path, tmp_path: Path) -> None:
    from models.sentiment.finbert_export import make_artefact

    mixed = write_finbert(tmp_path / "mixed", layers=1)
    shutil.copy(model_folder / "config.json", mixed / "config.json")  # two layers
    with pytest.raises(ArtefactError, match="the weights lack"):
        make_artefact(read_folder(mixed), tmp_path / "out", difference_max=1.0, tokens_max=32)
    (mixed / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00nothing")
    with pytest.raises(ArtefactError, match="cannot be loaded"):
        make_artefact(read_folder(mixed), tmp_path / "out", difference_max=1.0, tokens_max=32)
    assert read(tmp_path / "out") is None


@pytest.mark.parametrize(
    "text", ["", "   ", "利润上升", "🚀🚀", "profit " * 5_000, "<b>profit</b>", "\x00\x1b[2J\u202e", "\ud800"]
)
def test_any_text_gets_a_bounded_tone(made: tuple[FinbertArtefact, Path], text: str) -> None:
    tones = Finbert(*made).scores([text, "profit rose"])
    assert np.isfinite(tones).all() and (np.abs(tones) <= 1).all()
    assert text.strip() or tones[0] == 0.0


def test_no_text_at_all(made: tuple[FinbertArtefact, Path]) -> None:
    assert Finbert(*made).scores([]).shape == (0,)


def test_batches_hold_every_text_once_and_little_padding() -> None:
    lengths = np.random.default_rng(3).integers(3, 64, 500).tolist()
    cut = list(batches(lengths, 512))
    assert sorted(place for batch in cut for place in batch) == list(range(500))
    padding = [len(b) * max(lengths[p] for p in b) - sum(lengths[p] for p in b) for b in cut]
    tokens = [len(b) * max(lengths[p] for p in b) for b in cut]
    assert all(t <= 512 for t in tokens) and all(p <= 0.15 * t for p, t in zip(padding, tokens, strict=True))
    assert len(cut) < 100


def test_padding_is_masked() -> None:
    feed = padded([[5, 6, 7], [8]])
    assert feed["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert feed["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]


def test_the_first_tone_written_stays(made: tuple[FinbertArtefact, Path], tmp_path: Path) -> None:
    """int8 scales by the batch: only the cache makes a tone a fact."""
    cache = SentimentScoreStore(tmp_path / "tones.sqlite")
    first = SentimentCache(Finbert(*made), cache).scores(TEXTS[:3])
    cache.put(made[0].model_id, {TEXTS[0]: 0.123456})
    again = SentimentCache(Finbert(*made), cache).scores(TEXTS)
    assert {text: again[text] for text in first} == dict(first) and len(again) == len(TEXTS)
    cache.close()


def test_above_the_limit_fp32_is_served_the_whole_way_from_a_folder_through_a_child_process(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.sentiment.finbert_load import load_finbert

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings, kept, sound = (
        SentimentSettings(difference_max=0.0, tokens_max=32),
        tmp_path / "kept",
        tmp_path / "sound",
    )
    children: list[object] = []
    served = load_finbert(model_folder, settings, kept, children.append, sound)
    again = load_finbert(model_folder, settings, kept, children.append, sound)
    assert len(children) == 1  # the second load found what the first one kept
    artefact = served.artefact
    assert artefact.served == FP32 and artefact.difference > 0 and "fp32" in artefact.model_id
    assert not (kept / INT8).exists()
    np.testing.assert_allclose(served.scores(TEXTS), torch_tones(model_folder, TEXTS), atol=1e-5)
    assert served.model_id == again.model_id and served.artefact == again.artefact
    np.testing.assert_array_equal(served.scores(TEXTS), again.scores(TEXTS))


def test_without_a_model_the_loader_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.sentiment.finbert_load import load_finbert

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ArtefactError, match="FINBERT_PATH"):
        load_finbert(None, SentimentSettings(), tmp_path / "kept", lambda child: None)
    with pytest.raises(ArtefactError, match="no FinBERT folder"):
        load_finbert(tmp_path / "gone", SentimentSettings(), tmp_path / "kept", lambda child: None)


def test_a_model_in_the_hubs_cache_is_found_by_its_commit(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    from models.sentiment.finbert_folder import cached_folder

    commit = "4556d13015211d73dccd3fdd39d39232506f3e43"
    repository = tmp_path / "models--ProsusAI--finbert"
    shutil.copytree(model_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    found = cached_folder("ProsusAI/finbert", "main", download=False)
    assert found.name == f"ProsusAI/finbert@{commit[:12]}" and found.labels == LABELS
    with pytest.raises(ArtefactError, match="is not to be had"):
        cached_folder("ProsusAI/finbert", "other", download=False)


@pytest.mark.shared
@pytest.mark.skipif(not os.environ.get("FINBERT_PATH"), reason="FINBERT_PATH names no weights")
def test_the_published_accuracy_on_the_phrasebank(tmp_path: Path) -> None:
    """ProsusAI/finbert: 97 % accuracy on the sentences all annotators agree on (Araci 2019, table 2)."""
    import pandas as pd

    from models.sentiment.finbert_load import load_finbert

    served = load_finbert(Path(os.environ["FINBERT_PATH"]), SentimentSettings(), tmp_path, lambda child: None)
    rows = pd.read_csv(DATA / "phrasebank_dev.csv").query("min_agreement == 100")
    tones = served.scores(rows.sentence.tolist())
    said = np.where(tones > 0.33, "positive", np.where(tones < -0.33, "negative", "neutral"))
    assert (said == rows.label.to_numpy()).mean() >= 0.93
    assert served.artefact.difference <= 0.1
