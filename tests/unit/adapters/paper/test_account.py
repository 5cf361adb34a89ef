"""The paper account's list of share changes stays short and still says who held what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.paper.account import CHANGES_KEPT, Holding, PaperAccount, ShareChange

NOW = datetime(2024, 6, 3, 20, 0, tzinfo=UTC)
DAYS = st.lists(st.tuples(st.integers(0, 400), st.integers(-5, 9)), min_size=1, max_size=40)


@given(DAYS, st.booleans())
def test_what_was_held_in_the_days_that_count_is_not_forgotten(
    given_changes: list[tuple[int, int]], held: bool
) -> None:
    days = sorted(given_changes, reverse=True)
    changes = [ShareChange(at=NOW - timedelta(days=day), quantity=Decimal(quantity)) for day, quantity in days]
    holding = Holding(quantity=Decimal(1), cost=Decimal(1), entry_at=NOW, last_price=Decimal(1))
    account = PaperAccount(
        cash=Decimal(0), holdings={"AAPL": holding} if held else {}, changes={"AAPL": list(changes)}
    )
    asked = [NOW - timedelta(days=day) for day in range(CHANGES_KEPT.days)]
    before = [account.held_before("AAPL", at) for at in asked]
    account.forget(NOW)
    recent = sum(change.at >= NOW - CHANGES_KEPT for change in changes)
    assert len(account.changes.get("AAPL", ())) <= recent + 1
    if held or recent:
        assert [account.held_before("AAPL", at) for at in asked] == before
    account.forget(NOW)
    assert len(account.changes.get("AAPL", ())) <= recent + 1
