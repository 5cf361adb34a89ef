"""`sentiment` in `config/trading*.json`: where news comes from and what scores it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.frozen import Fraction, Frozen


class SentimentSettings(Frozen):
    """News and its tone. FINBERT_PATH names a model's folder and goes before `model`.

    Attributes
    ----------
    model, revision : str
        FinBERT on the hub; both its tokenizer and its weights are of this revision.
    download : bool
        Whether the model may be fetched from the hub; otherwise only its cache is looked at.
    without_model : str
        What happens when there is no FinBERT: `lexicon` scores instead, or the agent abstains.
    lexicon_confidence : float
        Times the confidence of what the lexicon says.
    difference_max : float
        Largest difference in a probability that int8 may make; above it fp32 is served.
    threads : int
        Of onnxruntime; a second one nearly doubles the speed on idle cores and halves it on busy ones.
    archive : str
        A parquet or CSV file of recorded news; empty for none.
    half_life_hours : float
        After so long a story weighs half.
    prior_stories : float
        How many neutral stories the news is weighed against.
    """

    model: str = "ProsusAI/finbert"
    revision: str = "main"
    download: bool = False
    without_model: Literal["lexicon", "abstain"] = "lexicon"
    lexicon_confidence: Fraction = 0.5
    difference_max: Fraction = 0.1
    tokens_max: Annotated[int, Field(ge=8, le=512)] = 128
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    news: Literal["auto", "alpaca", "yfinance", "none"] = "auto"
    archive: str = ""
    refresh_seconds: Annotated[float, Field(ge=10)] = 300.0
    window_hours: Annotated[float, Field(gt=0, le=720)] = 120.0
    half_life_hours: Annotated[float, Field(gt=0)] = 24.0
    prior_stories: Annotated[float, Field(gt=0)] = 1.0
    stories_max: Annotated[int, Field(ge=1, le=200)] = 50
