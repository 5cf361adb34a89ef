"""The lexicon's rules one by one, its laws, and its score on real sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtefactError
from models.sentiment.lexicon import Lexicon
from models.sentiment.lexicon_words import FALLS, GOOD_IF_UP, RISES, loughran_mcdonald

LEXICON = Lexicon()
DATA = Path(__file__).parents[4].parent / "shared" / "data"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("Sales rose", 1), ("Sales fell", -1), ("Net loss narrowed", 1), ("Net loss widened", -1),
        ("Costs fell", 1), ("Unemployment rises", -1), ("Shares up 3 %", 1), ("Shares are down", -1),
        ("The plant holds up to 300 cars", 0), ("They set up a team", 0),
        ("Profit was EUR 5.1 mn, compared to EUR 3.4 mn a year ago", 1),
        ("Profit was EUR 900,000, compared with EUR 1.4 mn", -1),
        ("Loss was EUR 2 mn versus EUR 5 mn", 1),
        ("Operating profit of EUR 1 mn, up from a loss of EUR 3 mn", 1),
        ("Operating loss of EUR 1 mn, compared to a profit of EUR 2 mn", -1),
        ("Turnover in 2009 from Helsinki, 2008", 0),
        ("Analysts downgrade the stock", -1), ("The chipmaker beats estimates", 1),
        ("The fraud was severe", -1), ("It did not increase sales", -1), ("No fraud was found", 1),
        ("The annual meeting is on 12 April", 0), ("", 0), ("   ", 0),
    ],
)  # fmt: skip
def test_rules(text: str, way: int) -> None:
    assert np.sign(LEXICON.score(text)) == way


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_any_text_gets_one_bounded_score(text: str) -> None:
    assert -1 <= LEXICON.score(text) <= 1
    assert LEXICON.score(text) == Lexicon().score(text) == LEXICON.scores([text])[0]


@settings(max_examples=50)
@given(st.sampled_from(sorted(RISES - {"up"})), st.sampled_from(sorted(FALLS - {"down"})))
def test_a_rise_and_a_fall_of_the_same_are_opposite(rise: str, fall: str) -> None:
    assert LEXICON.score(f"its revenue {rise}") == -LEXICON.score(f"its revenue {fall}") > 0


def test_the_lists_are_the_published_ones() -> None:
    words = loughran_mcdonald()
    assert len(words) > 2500 and sum(v > 0 for v in words.values()) > 300
    assert words["fraud"] == words["bankruptcy"] == -1 and words["profitable"] == words["strong"] == 1
    assert not RISES & FALLS and not GOOD_IF_UP & RISES


def test_a_missing_package_is_an_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    loughran_mcdonald.cache_clear()
    monkeypatch.setattr("models.sentiment.lexicon_words.PACKAGE", "no-such-package")
    with pytest.raises(ArtefactError, match="pip install"):
        loughran_mcdonald()
    monkeypatch.undo()
    assert loughran_mcdonald()


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")
def test_the_reported_half_of_the_phrasebank() -> None:
    import pandas as pd
    from sklearn.metrics import f1_score

    rows = pd.read_csv(DATA / "phrasebank_dev.csv").iloc[1::2].query("min_agreement == 100")
    tones = LEXICON.scores(rows.sentence.tolist())
    said = np.where(tones > 0.35, "positive", np.where(tones < -0.05, "negative", "neutral"))
    assert f1_score(rows.label, said, average="macro") > 0.85
