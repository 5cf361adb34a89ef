from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.restatements import (
    agrees_with,
    explained_by,
    is_continuous,
    must_show,
    not_shown,
    restated,
)
from adapters.feeds.rows import SymbolBars
from core.types import ActionKind, CorporateAction

DAYS = np.array(["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"], dtype="datetime64[D]")
SPLIT = CorporateAction(symbol="X", kind=ActionKind.SPLIT, ex_date=date(2024, 3, 12), ratio=Decimal(4))
DIVIDEND = CorporateAction(
    symbol="X", kind=ActionKind.DIVIDEND, ex_date=date(2024, 3, 12), cash_per_share=Decimal(2),
    close_before=Decimal(100),
)  # fmt: skip


def bars(*closes: float) -> SymbolBars:
    table = np.array(closes)[:, None].repeat(5, axis=1)
    return SymbolBars(DAYS[: len(closes)], table)


def test_a_restatement_is_measured_at_the_newest_common_session_up_to_a_day() -> None:
    old, new = bars(100.0, 101.0, 102.0), bars(25.0, 25.25, 25.5, 26.0)
    assert restated(old, new, date(2024, 3, 12)) == (date(2024, 3, 11), 4.0)
    assert restated(old, new, date(2024, 3, 10)) == (date(2024, 3, 8), 4.0)
    assert restated(old, new, date(2024, 3, 1)) is None
    assert restated(bars(np.nan, 101.0, np.nan), new, date(2024, 3, 12)) == (date(2024, 3, 8), 4.0)


@pytest.mark.parametrize(
    ("factor", "ids"),
    [
        (4 / 0.98, {SPLIT.action_id, DIVIDEND.action_id}),
        (4.0, {SPLIT.action_id}),
        (1 / 0.98, {DIVIDEND.action_id}),
        (1.0, set()),
    ],
)
def test_all_the_splits_the_dividends_or_nothing_of_the_list_may_be_restated(
    factor: float, ids: set[str]
) -> None:
    assert explained_by(factor, [SPLIT, DIVIDEND]) == frozenset(ids)


@pytest.mark.parametrize("factor", [2.0, 0.25, 1.1, 100.0])
def test_what_nothing_listed_makes_is_not_explained(factor: float) -> None:
    assert explained_by(factor, [SPLIT, DIVIDEND]) is None


@given(ratio=st.sampled_from([4.0, 2.0, 20.0, 0.125, 1 / 3, 1.5]), move=st.floats(0.85, 1.15))
def test_a_price_on_the_new_scale_agrees_and_one_on_the_old_or_twice_the_new_does_not(
    ratio: float, move: float
) -> None:
    assert agrees_with(ratio, move)
    assert not agrees_with(ratio, move * ratio), "the history is restated, the price is not"
    assert not agrees_with(ratio, move / ratio), "the price is in new shares, the history is not"


@pytest.mark.parametrize("change", [0.0, -1.0, float("nan"), float("inf")])
def test_no_price_agrees_with_nothing(change: float) -> None:
    assert not agrees_with(4.0, change)


def test_bars_that_reach_over_a_split_show_whether_they_are_on_its_scale() -> None:
    assert is_continuous(bars(25.0, 25.0, 25.0, 25.5), SPLIT)
    assert not is_continuous(bars(100.0, 100.0, 100.0, 25.5), SPLIT)
    assert not is_continuous(bars(25.0, 25.0, 25.0), SPLIT), "they end before it"


def test_splits_and_payments_too_large_to_believe_must_show_in_the_history() -> None:
    huge = CorporateAction(
        symbol="X", kind=ActionKind.DIVIDEND, ex_date=date(2024, 3, 12), cash_per_share=Decimal(64),
        close_before=Decimal(100),
    )  # fmt: skip
    assert must_show(SPLIT) and must_show(huge) and not must_show(DIVIDEND)
    assert not_shown([SPLIT, DIVIDEND], set()) == [SPLIT]
    assert not_shown([SPLIT, DIVIDEND], {SPLIT.action_id}) == []
