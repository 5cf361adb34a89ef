"""What happens to the stand-in's account without an order: payments, corporate actions, transfers, blocks.

Each is listed as Alpaca writes it: a row for each security, and a `group_id` where rows belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from tests.servers.alpaca_broker_book import CENT, SHARE, ZERO, Book, Holding, text, uuid

BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user", "transfers_blocked")


@dataclass(frozen=True)
class AccountEvents:
    """Works on a book; every method expects the book's lock to be held."""

    book: Book

    def cash(self, kind: str, amount: Decimal, **more: Any) -> None:
        """Pay or charge cash: INT, FEE, CSD, CSW, JNLC, PTC, ..., or a type nobody knows."""
        self.book.cash += amount
        self.book.other_activity(kind, net_amount=text(amount), **more)

    def correct(self, kind: str, amount: Decimal, status: str = "correct") -> None:
        """List the newest activity of a kind anew, as it should have been; canceled, it comes to nothing."""
        row = next(row for row in reversed(self.book.activities) if row.kind == kind)
        before = ZERO if row.fields["status"] == "canceled" else Decimal(row.fields["net_amount"])
        self.book.cash += (ZERO if status == "canceled" else amount) - before
        row.fields |= {"net_amount": text(amount), "status": status}

    def dividend(self, symbol: str, each: Decimal, kind: str = "DIV") -> Decimal:
        """Pay so much on each share held; negative for a tax on it."""
        held = self._held(symbol)
        amount = (held * each).quantize(CENT, ROUND_HALF_EVEN)
        self.cash(
            kind, amount, symbol=symbol, qty=text(held), per_share_amount=text(each), activity_sub_type="CDIV"
        )
        return amount

    def stock_dividend(self, symbol: str, ratio: Decimal) -> None:
        """Give shares on top of those held: 0.05 for one on twenty."""
        self._cancel(symbol)
        more = (self._held(symbol) * ratio).quantize(SHARE, ROUND_DOWN)
        self.book.prices[symbol] /= 1 + ratio
        self._move(symbol, more)
        self.book.other_activity("DIV", activity_sub_type="SDIV", symbol=symbol, qty=text(more), net_amount="0")

    def merger(self, symbol: str, into: str, ratio: Decimal, each: Decimal = ZERO, kind: str = "MA") -> None:
        """Exchange a symbol for `ratio` shares of another and `each` US dollars a share; either may be 0."""
        self._cancel(symbol)
        held, group = self._held(symbol), self._group()
        if not held:
            return
        new = (held * ratio).quantize(SHARE, ROUND_HALF_EVEN)
        cash = (held * each).quantize(CENT, ROUND_HALF_EVEN)
        cost = self.book.holdings[symbol].cost
        self._move(symbol, -held)
        self.book.cash += cash
        self.book.other_activity(kind, symbol=symbol, qty=text(-held), net_amount=text(cash), group_id=group)
        if new:
            self._move(into, new, cost)
            self.book.other_activity(kind, symbol=into, qty=text(new), net_amount="0", group_id=group)

    def rename(self, symbol: str, into: str) -> None:
        """Give a company another symbol."""
        self.book.prices.setdefault(into, self.book.prices[symbol])
        self.merger(symbol, into, Decimal(1), kind="NC")

    def spin_off(self, symbol: str, new: str, ratio: Decimal) -> None:
        """Give `ratio` shares of a new company on each share held."""
        held, group = self._held(symbol), self._group()
        more = (held * ratio).quantize(SHARE, ROUND_HALF_EVEN)
        if more:
            self._move(new, more)
            self.book.other_activity("SPIN", symbol=symbol, qty="0", net_amount="0", group_id=group)
            self.book.other_activity("SPIN", symbol=new, qty=text(more), net_amount="0", group_id=group)

    def transfer_shares(self, symbol: str, quantity: Decimal, kind: str = "JNLS") -> None:
        """Journal shares into the account, or, negative, out of it."""
        self._move(symbol, quantity, quantity * self.book.prices[symbol])
        self.book.other_activity(kind, symbol=symbol, qty=text(quantity), net_amount="0")

    def lose_shares(self, symbol: str, quantity: Decimal) -> None:
        """Let shares be gone without a word."""
        self._move(symbol, -quantity)

    def block(self, **flags: Any) -> None:
        """Set what closes the account: one of `BLOCKS`, or `status`."""
        assert set(flags) <= {*BLOCKS, "status"}, flags
        self.book.account_flags |= flags

    def _held(self, symbol: str) -> Decimal:
        holding = self.book.holdings.get(symbol)
        return holding.quantity if holding else ZERO

    def _move(self, symbol: str, change: Decimal, cost: Decimal = ZERO) -> None:
        holding = self.book.holdings.setdefault(symbol, Holding())
        if change < 0:
            holding.cost = holding.cost * (holding.quantity + change) / holding.quantity
        else:
            holding.cost += cost
        holding.quantity += change
        assert holding.quantity >= 0, f"{symbol}: {holding.quantity}"
        if not holding.quantity:
            del self.book.holdings[symbol]

    def _cancel(self, symbol: str) -> None:
        for order in [o for o in self.book.orders.values() if o.open and o.symbol == symbol]:
            for one in (order, *(leg for leg in order.legs if leg.status == "held")):
                self.book.end(one, "canceled")

    def _group(self) -> str:
        return str(uuid(self.book.faults.dice("group")))
