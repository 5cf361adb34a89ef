"""The laws of the book: nothing appears, nothing is lost, to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from core.errors import InvariantError
from core.types import Fill, Order, Portfolio, Position, Side
from pipeline.fills import apply_fills

START = datetime(2024, 1, 2, 15, tzinfo=UTC)
CASH = Decimal("100000.00")
SYMBOLS = ("AAPL", "MSFT", "XOM")


def session_of(at: datetime) -> date:
    return at.date()


def fill(
    number: int, symbol: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal = Decimal(0)
) -> Fill:
    return Fill(
        fill_id=f"f{number}", client_order_id=f"o{number}", symbol=symbol, side=side, quantity=quantity,
        price=price, fee=fee, at=START + timedelta(hours=number),
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[Fill]:
    """Draw fills that never sell more than is held."""
    held = dict.fromkeys(SYMBOLS, Decimal(0))
    out: list[Fill] = []
    for number in range(draw(st.integers(1, 20))):
        symbol = draw(st.sampled_from(SYMBOLS))
        sells = held[symbol] > 0 and draw(st.booleans())
        most = held[symbol] if sells else Decimal(500)
        quantity = draw(st.decimals(Decimal("0.000001"), most, places=6))
        price = draw(st.decimals("0.0001", 900, places=4))
        fee = draw(st.decimals(0, 5, places=2))
        held[symbol] += -quantity if sells else quantity
        out.append(fill(number, symbol, Side.SELL if sells else Side.BUY, quantity, price, fee))
    return out


def cost_basis(book: Portfolio) -> Decimal:
    return sum((p.quantity * p.average_price for p in book.positions.values()), Decimal(0))


@given(history=histories())
@settings(max_examples=50, deadline=None)
def test_cash_and_cost_and_realised_profit_add_up_at_every_step(history: list[Fill]) -> None:
    book, realised, fees, rounding = Portfolio(cash=CASH), Decimal(0), Decimal(0), Decimal(0)
    for made in history:
        held = book.positions.get(made.symbol)
        if made.side is Side.SELL:
            assert held is not None
            realised += made.quantity * (made.price - held.average_price)
        value = made.quantity * made.price * (1 if made.side is Side.SELL else -1)
        rounding += made.cash_change - (value - made.fee)
        fees += made.fee
        book = apply_fills(book, (made,), session_of)
        assert abs(book.cash + cost_basis(book) - realised + fees - rounding - CASH) < Decimal("1e-12")
        assert abs(rounding) <= Decimal("0.005") * len(history)
        assert book.cash == book.cash.quantize(Decimal("0.01"))


@given(history=histories())
@settings(max_examples=50, deadline=None)
def test_one_by_one_or_together_is_the_same_and_symbols_do_not_touch(history: list[Fill]) -> None:
    together = apply_fills(Portfolio(cash=CASH), history, session_of)
    step_by_step = Portfolio(cash=CASH)
    for made in history:
        step_by_step = apply_fills(step_by_step, (made,), session_of)
    assert step_by_step == together
    by_symbol = sorted(history, key=lambda made: made.symbol)
    reordered = [made for _, group in groupby(by_symbol, key=lambda made: made.symbol) for made in group]
    assert apply_fills(Portfolio(cash=CASH), reordered, session_of) == together


@given(history=histories())
@settings(max_examples=50, deadline=None)
def test_selling_everything_leaves_cash_only(history: list[Fill]) -> None:
    book = apply_fills(Portfolio(cash=CASH), history, session_of)
    out = [
        fill(100 + n, held.symbol, Side.SELL, held.quantity, held.average_price)
        for n, held in enumerate(book.positions.values())
    ]
    flat = apply_fills(book, out, session_of)
    assert not flat.positions
    assert flat.cash == CASH + sum(made.cash_change for made in (*history, *out))


def test_average_price_entry_and_peak() -> None:
    first = fill(1, "AAPL", Side.BUY, Decimal(10), Decimal(100))
    more = fill(30, "AAPL", Side.BUY, Decimal(30), Decimal(104), Decimal("1.00"))
    some = fill(60, "AAPL", Side.SELL, Decimal(15), Decimal(110))
    book = apply_fills(Portfolio(cash=CASH), (first, more, some), session_of)
    assert book.cash == Decimal("97529.00")  # 100000 - 1000 - 3121 + 1650
    assert book.positions["AAPL"] == Position(
        symbol="AAPL", quantity=Decimal(25), average_price=Decimal(103), entry_at=first.at,
        entry_session=date(2024, 1, 2), peak_price=Decimal(104), last_price=Decimal(110),
    )  # fmt: skip


def test_what_is_filled_is_pending_no_more() -> None:
    orders = tuple(
        Order(
            client_order_id=f"o{n}", decision_id="d", symbol=symbol, side=Side.BUY, quantity=Decimal(10),
            reference_price=Decimal(1), rule="score",
        )
        for n, symbol in enumerate(SYMBOLS)
    )  # fmt: skip
    book = Portfolio(cash=CASH, pending=orders)
    whole = fill(0, "AAPL", Side.BUY, Decimal(10), Decimal(1))
    part = fill(1, "MSFT", Side.BUY, Decimal(4), Decimal(1))
    left = apply_fills(book, (whole, part), session_of).pending
    assert left == (replace(orders[1], quantity=Decimal(6)), orders[2])


@pytest.mark.parametrize(
    "wrong",
    [
        (fill(1, "AAPL", Side.SELL, Decimal(1), Decimal(1)),),
        (fill(1, "AAPL", Side.BUY, Decimal(1), Decimal(1)), fill(2, "AAPL", Side.SELL, Decimal(2), Decimal(1))),
        (fill(1, "AAPL", Side.BUY, Decimal(1), Decimal(1)),) * 2,
        (fill(1, "AAPL", Side.BUY, Decimal(0), Decimal(1)),),
        (fill(1, "AAPL", Side.BUY, Decimal(1), Decimal(0)),),
    ],
)
def test_what_cannot_have_happened_is_a_bug(wrong: tuple[Fill, ...]) -> None:
    with pytest.raises(InvariantError):
        apply_fills(Portfolio(cash=CASH), wrong, session_of)


def test_only_a_rules_sale_is_remembered_as_one_and_the_last_counts() -> None:
    bought = [fill(n, name, Side.BUY, Decimal(9), Decimal(10), Decimal(0)) for n, name in enumerate(SYMBOLS[:2])]
    stop, vote = (
        replace(fill(7 + n, name, Side.SELL, Decimal(3), Decimal(10), Decimal(0)), rule=rule)
        for n, (name, rule) in enumerate(zip(SYMBOLS[:2], ("stop_loss", "score"), strict=True))
    )
    book = apply_fills(Portfolio(cash=CASH), [*bought, stop, vote], session_of)
    assert book.risk_exits == {SYMBOLS[0]: session_of(stop.at)}
    again = replace(stop, fill_id="again", at=stop.at + timedelta(days=3))
    assert apply_fills(book, [again], session_of).risk_exits == {SYMBOLS[0]: session_of(again.at)}
    assert apply_fills(Portfolio(cash=CASH), bought, session_of).risk_exits is UNSET
