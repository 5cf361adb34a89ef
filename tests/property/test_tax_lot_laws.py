"""Laws of tax lots: nothing is lost or made, whatever is bought, sold and split, in whichever order lots go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from core.loss_sales import WINDOW, disallowed_usd
from core.lots import ZERO, PickLots, first_in_first_out, highest_in_first_out, specific_lots
from core.orders import SPLIT, Fill, Side
from core.replaced_sales import replaced_sale
from core.tax_lots import LotTracker
from core.times import market_date

START = datetime(2024, 1, 2, 16, tzinfo=UTC)
PICKS: tuple[PickLots, ...] = (
    first_in_first_out,
    highest_in_first_out,
    specific_lots({str(sale): {str(lot): Decimal(7) for lot in range(0, 40, 3)} for sale in range(40)}),
)
Move = tuple[str, int, int, int]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(("buy", "buy", "sell", "sell", "split")),
        st.integers(1, 40),
        st.integers(100, 5000),
        st.integers(0, 20),
    ),
    min_size=2,
    max_size=25,
)


def fills_of(moves: list[Move]) -> list[Fill]:
    """Return fills that never sell more than is held; prices in cents, days between."""
    fills: list[Fill] = []
    held, at = ZERO, START
    for number, (kind, shares, cents, days) in enumerate(moves):
        at += timedelta(days=days)
        quantity, price, side, rule = Decimal(shares), Decimal(cents) / 100, Side.BUY, "score"
        if kind == "sell":
            quantity, side = min(quantity, held), Side.SELL
        if kind == "split":
            quantity, price, rule = held, ZERO, SPLIT
        if not quantity:
            continue
        held += quantity if side is Side.BUY else -quantity
        fills.append(
            Fill(
                fill_id=str(number),
                client_order_id=str(number),
                symbol="A",
                side=side,
                quantity=quantity,
                price=price,
                fee=Decimal("0.01") if price else ZERO,
                at=at,
                rule=rule,
            )
        )
    return fills


def held_after(fills: list[Fill]) -> Decimal:
    return sum((fill.quantity if fill.side is Side.BUY else -fill.quantity for fill in fills), ZERO)


@pytest.mark.parametrize("pick", PICKS, ids=("fifo", "hifo", "specific"))
@given(moves=MOVES)
def test_shares_and_money_are_conserved(pick: PickLots, moves: list[Move]) -> None:
    fills, tracked = fills_of(moves), LotTracker(pick=pick)
    for fill in fills:
        tracked.add(fill)
        tracked.add(fill)  # a fill that comes again is booked once
    lots = tracked.lots.get("A", [])
    assert sum((lot.quantity for lot in lots), ZERO) == held_after(fills)
    assert all(lot.quantity > 0 for lot in lots)
    basis = sum((lot.basis_usd for lot in lots), ZERO)
    cash = sum((fill.cash_change for fill in fills), ZERO)
    assert sum((sale.gain_usd for sale in tracked.sales), ZERO) == cash + basis
    for fill in fills:
        if fill.side is Side.SELL and fill.rule != SPLIT:
            parts = [sale for sale in tracked.sales if sale.sale_id == fill.fill_id]
            assert sum((part.quantity for part in parts), ZERO) == fill.quantity
            assert sum((part.proceeds_usd for part in parts), ZERO) == fill.cash_change
    event(f"a wash sale: {any(sale.disallowed_usd for sale in tracked.sales)}")


@given(moves=MOVES)
def test_no_more_than_a_loss_is_disallowed_and_a_period_only_grows(moves: list[Move]) -> None:
    tracked = LotTracker()
    for fill in fills_of(moves):
        tracked.add(fill)
    for sale in tracked.sales:
        assert 0 <= sale.disallowed_usd <= max(ZERO, sale.basis_usd - sale.proceeds_usd)
        assert sale.acquired is not None and sale.held_since is not None
        assert sale.held_since <= sale.acquired <= sale.sold
    for lot in tracked.lots.get("A", []):
        assert lot.held_since <= lot.acquired


@given(moves=MOVES, shares=st.integers(1, 60), days=st.integers(0, 40))
def test_a_purchase_disallows_what_was_foretold(moves: list[Move], shares: int, days: int) -> None:
    fills, tracked = fills_of(moves), LotTracker()
    at = (fills[-1].at if fills else START) + timedelta(days=days)
    losses = tracked.losses_after(fills, market_date(at)).get("A", ())
    foretold = disallowed_usd(losses, market_date(at), Decimal(shares))
    before = sum((sale.disallowed_usd for sale in tracked.sales), ZERO)
    tracked.add(
        Fill(
            fill_id="new",
            client_order_id="new",
            symbol="A",
            side=Side.BUY,
            quantity=Decimal(shares),
            price=Decimal(9),
            fee=ZERO,
            at=at,
        )
    )
    assert sum((sale.disallowed_usd for sale in tracked.sales), ZERO) - before == foretold
    event(f"something: {foretold > 0}")


@pytest.mark.parametrize("pick", PICKS[:2], ids=("fifo", "hifo"))
@given(moves=MOVES, shares=st.integers(1, 60), cents=st.integers(100, 5000), days=st.integers(0, 40))
def test_the_sale_of_a_part_disallows_what_was_foretold(
    pick: PickLots, moves: list[Move], shares: int, cents: int, days: int
) -> None:
    fills, tracked = fills_of(moves), LotTracker(pick=pick)
    at = (fills[-1].at if fills else START) + timedelta(days=days)
    for fill in fills:
        tracked.add(fill)
    sale = Fill(
        fill_id="new", client_order_id="new", symbol="A", side=Side.SELL, quantity=Decimal(shares),
        price=Decimal(cents) / 100, fee=ZERO, at=at,
    )  # fmt: skip
    foretold = replaced_sale(tracked.replacing_lots(market_date(at)).get("A", ()), sale, pick)
    before = sum((one.disallowed_usd for one in tracked.sales), ZERO)
    tracked.add(sale)
    disallowed = sum((one.disallowed_usd for one in tracked.sales), ZERO) - before
    assert disallowed == (foretold.disallowed_usd if foretold else ZERO)
    if foretold:
        assert foretold.disallowed_usd <= foretold.loss_usd and foretold.staying > 0
        assert 0 <= (market_date(at) - foretold.bought).days <= WINDOW.days
    event(f"something: {disallowed > 0}")


@given(moves=MOVES)
def test_outside_the_window_every_loss_counts(moves: list[Move]) -> None:
    apart = [(kind, shares, cents, WINDOW.days + 1) for kind, shares, cents, _ in moves]
    tracked = LotTracker()
    for fill in fills_of(apart):
        tracked.add(fill)
    assert not any(sale.disallowed_usd for sale in tracked.sales)
