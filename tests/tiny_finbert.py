"""A small BERT with random weights and a tokenizer of its own, written to a folder as a real one would be."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

WORDS = """
    profit loss sales fell rose to from the of in up down beats misses estimates company shares eur mn dividend
    bank jobs cuts raises outlook weak strong , . % # 1 2 3 7 0
"""
LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789")]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split(), *LETTERS]
LABELS = ("neutral", "positive", "negative")  # another order than ProsusAI's
SPREAD = 0.4  # of the random weights: wide enough for texts to differ


def write_finbert(folder: Path, *, labels: tuple[str, ...] = LABELS, seed: int = 0, layers: int = 2) -> Path:
    """Write configuration, safetensors weights and tokenizer; its answers differ from text to text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import BertConfig, BertForSequenceClassification, BertTokenizer
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=True)
    tokenizer.save_pretrained(folder)
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    set_verbosity_error()
    disable_progress_bar()
    torch.manual_seed(seed)
    configure: Any = BertConfig
    model = BertForSequenceClassification(
        configure(
            vocab_size=len(VOCABULARY), hidden_size=32, num_hidden_layers=layers, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=128, num_labels=len(labels), initializer_range=SPREAD,
            id2label=dict(enumerate(labels)), label2id={label: n for n, label in enumerate(labels)},
        )
    )  # fmt: skip
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")
