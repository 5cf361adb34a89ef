"""The lexicon on the Financial PhraseBank (all annotators agree), and beside FinBERT's own probabilities.

Rows of even place chose the thresholds (and were looked at while the rules were written); rows of odd place are
reported. Needs ../shared/data.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score

sys.path.insert(0, str(Path(__file__).parents[1]))
from models.sentiment.lexicon import Lexicon

DATA = Path(__file__).parents[2] / "shared" / "data"
GRID = np.arange(0.05, 0.95, 0.05)


def said(scores: Any, above: float, below: float) -> Any:
    return np.where(scores > above, "positive", np.where(scores < -below, "negative", "neutral"))


def main() -> None:
    lexicon = Lexicon()
    rows = pd.read_csv(DATA / "phrasebank_dev.csv")
    rows["tone"] = lexicon.scores(rows.sentence.tolist())
    tuned, reported = (rows.iloc[place::2].query("min_agreement == 100") for place in (0, 1))
    pairs = [(a, b) for a in GRID for b in GRID]
    scores = [f1_score(tuned.label, said(tuned.tone, a, b), average="macro") for a, b in pairs]
    above, below = pairs[int(np.argmax(scores))]
    answer = said(reported.tone, above, below)
    reference = pd.read_parquet(DATA / "finbert_reference_dev.parquet")
    tones = pd.Series(lexicon.scores(reference.title.tolist()))
    rank = tones.corr(reference.prob_pos - reference.prob_neg, method="spearman")
    print(
        json.dumps(
            {
                "bench": "sentiment_lexicon",
                "model_id": lexicon.model_id,
                "sentences": len(reported),
                "macro_f1": round(f1_score(reported.label, answer, average="macro"), 4),
                "accuracy": round(accuracy_score(reported.label, answer), 4),
                "macro_f1_tuning_half": round(max(scores), 4),
                "threshold_positive": round(above, 2),
                "threshold_negative": round(-below, 2),
                "rank_correlation_with_finbert": round(rank, 4),
                "headlines": len(reference),
            }
        )
    )


if __name__ == "__main__":
    main()
