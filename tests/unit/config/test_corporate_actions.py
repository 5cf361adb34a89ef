from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from config.corporate_actions import SaidAction
from config.trading import TradingSettings
from core.types import ActionKind


def test_what_a_person_writes_becomes_an_action() -> None:
    written = {"symbol": "META", "ex_date": "2024-03-12", "ratio": 4}
    (said,) = TradingSettings.model_validate({"corporate_actions": [written]}).corporate_actions
    action = said.as_action()
    assert (action.kind, action.ex_date, action.ratio) == (ActionKind.SPLIT, date(2024, 3, 12), Decimal(4))
    assert action.source == "user"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kind": "rename"}, "needs new_symbol"),
        ({"kind": "spin_off"}, "needs new_symbol"),
        ({"kind": "merger"}, "needs new_symbol, cash_per_share or both"),
        ({"kind": "dividend"}, "needs cash_per_share"),
        ({"kind": "split", "new_symbol": "FB"}, "has no new_symbol"),
        ({"ratio": 0}, "greater than 0"),
        ({"cash_per_share": -1}, "greater than or equal to 0"),
        ({"kind": "gift"}, "'split'"),
        ({"ratios": 4}, "ratios"),
    ],
)
def test_half_a_sentence_is_refused_with_what_is_missing(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        SaidAction.model_validate({"symbol": "META", "ex_date": "2024-03-12"} | wrong)
