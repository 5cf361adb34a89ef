"""A slice of `python -m tests.simulation.bad_quotes`: each kind of bad tick twice, and two crashes."""

from __future__ import annotations

import pytest

import adapters.feeds.daily_feed
from adapters.feeds.quotes import BelievedQuotes
from tests.simulation.bad_quotes import run
from tests.simulation.bad_ticks import CRASH_EVERY, KINDS


@pytest.mark.parametrize("seed", range(2 * CRASH_EVERY))
def test_no_bad_tick_is_acted_on_and_every_crash_is(seed: int) -> None:
    outcome = run(seed)
    assert outcome.broken == ()
    assert min(outcome.counts[what] for what in ("entries", "exits")) > 0
    assert outcome.kind == "crash" or outcome.counts["bad"] > 10
    assert outcome.counts["doubted"] > 0


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_a_feed_that_believes_everything_breaks_the_laws(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.feeds.daily_feed, "believe", lambda quotes, *_: BelievedQuotes(quotes=quotes))
    assert run(seed).broken
