"""FinBERT as it is served (int8, onnxruntime) against torch fp32: a random BERT-base, 64 tokens, batch 32.

Both sides run in child processes of their own, one thread each, in turns; memory is the child's peak resident
set, with only what that side needs loaded. `--model FOLDER` measures real weights instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
WORDS = 30_522
BATCH, TOKENS, ROUNDS, BATCHES_A_ROUND = 32, 64, 7, 2
SPEED_MIN, MEMORY_MAX = 4.0, 0.6
LABELS = ("positive", "negative", "neutral")


def write_model(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = "\n".join([*special, *(f"word{n}" for n in range(WORDS - len(special)))]) + "\n"
    (folder / "vocab.txt").write_text(words)
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "vocab.txt").write_text(words)
    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    configure: Any = BertConfig
    config = configure(vocab_size=WORDS, id2label=names, label2id={v: k for k, v in names.items()})
    BertForSequenceClassification(config).save_pretrained(folder)


def texts() -> list[str]:
    return [" ".join(f"word{(n * 977 + k * 131) % 30_000}" for k in range(TOKENS - 2)) for n in range(BATCH)]


def export(model: Path, kept: Path) -> None:
    from models.sentiment.finbert_export import make_artefact
    from models.sentiment.finbert_folder import read_folder

    make_artefact(read_folder(model), kept, difference_max=0.1, tokens_max=128)


def serve(side: str, folder: Path) -> None:
    """Answer each line on stdin with the seconds (wall, processor) that a round took, and at last the peak MB."""
    began = time.perf_counter()
    run = ours(folder) if side == "int8" else torch_fp32(folder)
    run()
    print(json.dumps({"loaded_seconds": time.perf_counter() - began}), flush=True)
    for _ in sys.stdin:
        wall, own = time.perf_counter(), time.process_time()
        for _ in range(BATCHES_A_ROUND):
            run()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - own]), flush=True)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps(int(peak.split()[1]) / 1024), flush=True)


def ours(folder: Path) -> Callable[[], object]:
    from models.sentiment.finbert_artefact import read
    from models.sentiment.finbert_model import Finbert

    artefact = read(folder)
    assert artefact is not None
    model, said = Finbert(artefact, folder), texts()
    return lambda: model.scores(said)


def torch_fp32(folder: Path) -> Callable[[], object]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, said = AutoModelForSequenceClassification.from_pretrained(folder).eval(), texts()

    def run() -> None:
        with torch.inference_mode():
            model(**tokenizer(said, padding=True, truncation=True, max_length=128, return_tensors="pt"))

    return run


class Side:
    def __init__(self, side: str, folder: Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self.child = subprocess.Popen(
            [sys.executable, __file__, "--serve", side, str(folder)], text=True, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.loaded_seconds = self.answer()["loaded_seconds"]
        self.rates: list[tuple[float, float]] = []

    def answer(self) -> Any:
        assert self.child.stdout is not None
        return json.loads(self.child.stdout.readline())

    def round(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        wall, own = self.answer()
        self.rates.append((BATCH * BATCHES_A_ROUND / wall, BATCH * BATCHES_A_ROUND / own))

    def peak_mb(self) -> float:
        assert self.child.stdin is not None
        self.child.stdin.close()
        return float(self.answer())


def main(model: Path | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, kept = model or Path(place) / "model", Path(place) / "kept"
        python = [sys.executable, __file__]
        if model is None:
            subprocess.run([*python, "--write", str(folder)], check=True, capture_output=True)
        subprocess.run([*python, "--export", str(folder), str(kept)], check=True, capture_output=True)
        manifest = json.loads((kept / "finbert.json").read_text())
        int8, fp32 = Side("int8", kept), Side("torch", folder)
        for _ in range(ROUNDS):
            int8.round()
            fp32.round()
        memory = int8.peak_mb(), fp32.peak_mb()
    wall = statistics.median(a[0] / b[0] for a, b in zip(int8.rates, fp32.rates, strict=True))
    own = statistics.median(a[1] / b[1] for a, b in zip(int8.rates, fp32.rates, strict=True))
    print(
        json.dumps(
            {
                "bench": "sentiment_serving",
                "served": manifest["served"],
                "difference_from_fp32": round(manifest["difference"], 5),
                "int8_sentences_per_second": round(statistics.median(a[0] for a in int8.rates), 1),
                "torch_fp32_sentences_per_second": round(statistics.median(b[0] for b in fp32.rates), 1),
                "speed_ratio": round(wall, 2),
                "speed_ratio_processor_time": round(own, 2),
                "speed_ratio_min": SPEED_MIN,
                "int8_peak_mb": round(memory[0]),
                "torch_fp32_peak_mb": round(memory[1]),
                "memory_ratio": round(memory[0] / memory[1], 3),
                "memory_ratio_max": MEMORY_MAX,
                "int8_loaded_seconds": round(int8.loaded_seconds, 2),
                "torch_loaded_seconds": round(fp32.loaded_seconds, 2),
                "reached": wall >= SPEED_MIN and memory[0] <= MEMORY_MAX * memory[1],
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--export", type=Path, nargs=2)
    parser.add_argument("--serve", nargs=2)
    asked = parser.parse_args()
    if asked.write:
        write_model(asked.write)
    elif asked.export:
        export(*asked.export)
    elif asked.serve:
        serve(asked.serve[0], Path(asked.serve[1]))
    else:
        main(asked.model)
