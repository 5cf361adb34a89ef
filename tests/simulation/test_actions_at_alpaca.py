"""Every recorded split and dividend while held at Alpaca: shares and cash by an independent formula, no order.

`python -m tests.simulation.test_actions_at_alpaca` does all of them; the suite does a few.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from core.cycles import SETTLE
from core.money import SHARE_TICK
from tests.account_engine import AccountEngine, account_engine
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.small_engine import enter

SHARED = Path(__file__).parents[3] / "shared" / "data"
CENT = Decimal("0.01")
RATE = Decimal("0.00000001")


class Recorded(NamedTuple):
    """A split (new shares for each old one) or a dividend (as a share of the price before it)."""

    split: Fraction | None
    dividend_share: Decimal


def recorded(folder: Path) -> Iterator[Recorded]:
    """Give every recorded action; each split is followed by its reverse."""
    import pandas as pd

    daily = [pd.read_parquet(folder / f"universe_daily{part}.parquet") for part in ("", "_2025_2026")]
    closes = pd.concat(daily).pivot_table(index="date", columns="ticker", values="close").ffill()
    listed = pd.read_parquet(folder / "corporate_actions.parquet")
    columns = [listed[name].to_list() for name in ("date", "ticker", "split", "dividend")]
    for day, ticker, split, dividend in zip(*columns, strict=True):
        if ticker not in closes:
            continue
        before = closes[ticker][closes.index < day].dropna()
        if not len(before):
            continue
        ratio = Fraction(split).limit_denominator(10_000)
        for one in (ratio, 1 / ratio) if ratio else ():
            yield Recorded(split=one, dividend_share=Decimal(0))
        if dividend:
            yield Recorded(split=None, dividend_share=Decimal(repr(dividend / float(before.iloc[-1]))))


def check(made: AccountEngine, action: Recorded) -> None:
    """Let one happen at the stand-in, and hold the engine against the formula."""
    book, before = made.stand_in.book, made.engine.portfolio
    held, orders = before.positions["AAPL"].quantity, len(book.orders)
    made.tick(days=1)  # Alpaca's rows of one kind, day and symbol are one action
    with book.lock:
        price = book.prices["AAPL"]
        if action.split is not None:
            ratio = Decimal(action.split.numerator) / Decimal(action.split.denominator)
            StandInDesk(book).split("AAPL", ratio)
            cash, shares = before.cash, held * action.split.numerator / action.split.denominator
        else:
            each = (price * action.dividend_share).quantize(RATE)
            made.events.dividend("AAPL", each)
            cash, shares = before.cash + (held * each).quantize(CENT, ROUND_HALF_EVEN), held
        now = book.prices["AAPL"]
    report = made.step(cycle=SETTLE)
    after = made.engine.portfolio
    assert after.cash == cash == book.cash
    assert abs(after.positions["AAPL"].quantity - shares) <= SHARE_TICK
    worth = after.positions["AAPL"].quantity * now + after.cash
    assert abs(worth - (held * price + cash)) <= CENT
    assert not report.plan.approved and len(book.orders) == orders
    assert report.actions or report.cash_movements


def check_all(actions: list[Recorded]) -> dict[str, int]:
    """Hold a position through all of them, one after the other."""
    with tempfile.TemporaryDirectory() as folder, account_engine(Path(folder)) as made:
        made.step(enter("AAPL", 0.1))
        made.tick(minutes=5)
        made.step(cycle=SETTLE)
        for action in actions:
            check(made, action)
    splits = sum(action.split is not None for action in actions)
    return {"splits": splits, "dividends": len(actions) - splits}


def test_splits_both_ways_and_dividends_are_booked_to_the_cent() -> None:
    ratios = [Fraction(4), Fraction(1, 4), Fraction(3, 2), Fraction(2, 3), Fraction(1, 8), Fraction(8)]
    paid = [Recorded(None, Decimal(share)) for share in ("0.0037", "0.0000123", "0.08", "0.00618")]
    done = check_all([*(Recorded(ratio, Decimal(0)) for ratio in ratios), *paid])
    assert done == {"splits": 6, "dividends": 4}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the recorded corporate actions are not in the project")
def test_recorded_actions() -> None:
    found = list(recorded(SHARED))
    assert len(found) > 2000
    splits = [action for action in found if action.split is not None]
    assert check_all([*splits, *found[::60]])["splits"] >= 36


if __name__ == "__main__":
    print(check_all(list(recorded(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED))))  # a command
