from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from adapters.paper.account import Holding, PaperAccount

SAVED = (
    b'{"cash":"90.50","holdings":{"KO":{"quantity":"2","cost":"120.4","entry_at":"2024-01-02T14:30:00Z",'
    b'"last_price":"60.2"}},"guards":{},"guarded_from":"2024-01-03"}'
)


def test_files_saved_before_brackets_were_called_so_are_read_and_written_alike() -> None:
    account = PaperAccount(
        cash=Decimal("90.50"),
        holdings={
            "KO": Holding(
                quantity=Decimal(2), cost=Decimal("120.4"), last_price=Decimal("60.2"),
                entry_at=datetime(2024, 1, 2, 14, 30, tzinfo=UTC),
            )
        },
        brackets_from=date(2024, 1, 3),
    )  # fmt: skip
    assert msgspec.json.decode(SAVED, type=PaperAccount) == account
    assert msgspec.json.encode(account).startswith(SAVED.removesuffix(b"}"))
    assert account.held_before("KO", datetime(2024, 1, 3, tzinfo=UTC)) == 2, "also where no change was kept"


def test_each_accounts_brackets_are_its_own() -> None:
    one, other = PaperAccount(cash=Decimal(1)), PaperAccount(cash=Decimal(1))
    assert one.brackets is not other.brackets and one.holdings is not other.holdings
    assert msgspec.json.decode(msgspec.json.encode(one), type=PaperAccount) == other
