"""What happens to the account beside the engine, seeded: payments, a person's hand, mergers, blocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any, Protocol

from core.times import market_date
from tests.chaos.market import SYMBOLS

RATE_A_MOMENT = 0.02
BOOKED = ("deposit", "withdrawal", "fee", "interest", "dividend", "dividend tax")
"""What the account's activities name: the ledger has it to the cent."""
BY_HAND = ("hand sale", "foreign order", "merger", "block")
"""What a person does, or what closes a position or the account: booked, told, or left alone."""
ENABLED = (*BOOKED, *BY_HAND)
BY_HAND_PREFIX = "by-hand-"
"""Of the names of a person's orders."""
BLOCKED_MOMENTS = 9


class Admin(Protocol):
    """The admin calls of the stand-in broker."""

    def book(self) -> Any:
        """Give its whole book."""
        ...

    def conformance(self) -> Any:
        """Give what is not as Alpaca's documents have it."""
        ...

    def call(self, name: str, **values: Any) -> Any:
        """Do an admin call."""
        ...


class Outside:
    """Does to the account what the seed says, one thing at a moment."""

    def __init__(self, seed: int, admin: Admin, enabled: tuple[str, ...] = ENABLED) -> None:
        self._dice = Random(f"outside {seed}")
        self._admin = admin
        self._enabled = enabled
        self._blocked_for = 0
        self._orders = 0
        self._merged: set[tuple[str, date]] = set()
        self._makers: dict[str, Callable[[], bool]] = {
            "deposit": lambda: self._cash("CSD", 100, 5_000),
            "withdrawal": lambda: self._cash("CSW", -2_000, -100),
            "fee": lambda: self._cash("FEE", -3, -0.01),
            "interest": lambda: self._cash("INT", 0.01, 9),
            "dividend": lambda: self._dividend("DIV", 0.05, 1.5),
            "dividend tax": lambda: self._dividend("DIVNRA", -0.3, -0.01),
            "hand sale": self._hand_sale,
            "foreign order": self._foreign_order,
            "merger": self._merger,
            "block": self._block,
        }

    @property
    def blocked(self) -> bool:
        """Whether Alpaca has closed the account to trading."""
        return self._blocked_for > 0

    def happen(self) -> str:
        """Let something happen, or not; return its name, empty for nothing."""
        if self._blocked_for:
            self._blocked_for -= 1
            if not self._blocked_for:
                self._admin.call("event", event="block", trading_blocked=False)
        if self._dice.random() >= RATE_A_MOMENT:
            return ""
        name = self._dice.choice(self._enabled)
        return name if self._makers[name]() else ""

    def calm(self) -> None:
        """Let the account be open from here on."""
        if self._blocked_for:
            self._blocked_for = 0
            self._admin.call("event", event="block", trading_blocked=False)

    def _cash(self, kind: str, least: float, most: float) -> bool:
        self._admin.call("cash", type=kind, amount=f"{self._dice.uniform(least, most):.2f}")
        return True

    def _dividend(self, kind: str, least: float, most: float) -> bool:
        symbol = self._held()
        if symbol:
            each = f"{self._dice.uniform(least, most):.3f}"
            self._admin.call("event", event="dividend", symbol=symbol, each=each, kind=kind)
        return bool(symbol)

    def _hand_sale(self) -> bool:
        """A person sells a part or all of what the engine holds."""
        symbol = self._held()
        book = self._admin.book()
        if self._blocked_for or not symbol or not book["is_open"] or self._has_open_order(book, symbol):
            return False
        held = Decimal(book["positions"][symbol])
        share = self._dice.choice((Decimal(1), Decimal("0.5")))
        quantity = (held * share).quantize(Decimal(1)) or held
        return self._order(symbol, str(min(quantity, held)), side="sell", type="market", time_in_force="day")

    def _foreign_order(self) -> bool:
        """A person's own limit order, far from the market: it rests beside the engine's."""
        symbol = self._dice.choice(SYMBOLS)
        book = self._admin.book()
        if self._blocked_for or self._has_open_order(book, symbol):
            return False
        price = str((Decimal(book["prices"][symbol]) / 2).quantize(Decimal("0.01")))
        return self._order(symbol, "1", side="buy", type="limit", time_in_force="gtc", limit_price=price)

    def _merger(self) -> bool:
        """A company is bought for cash, at most once a day; fills of the day may be listed later.

        An action is known by its kind, symbol and day, so a second of that day is told and not booked.
        """
        symbol, book = self._held(), self._admin.book()
        merger = (symbol, market_date(datetime.fromisoformat(book["now"])))
        if not symbol or merger in self._merged:
            return False
        self._merged.add(merger)
        each = book["prices"][symbol]
        self._admin.call("event", event="merger", symbol=symbol, into=symbol, ratio="0", each=each)
        return True

    def _block(self) -> bool:
        """Alpaca closes the account to trading for a while."""
        if not self._blocked_for:
            self._blocked_for = self._dice.randint(1, BLOCKED_MOMENTS)
            self._admin.call("event", event="block", trading_blocked=True)
        return True

    def _order(self, symbol: str, quantity: str, **more: str) -> bool:
        self._orders += 1
        name = f"{BY_HAND_PREFIX}{self._orders}"
        self._admin.call("order", symbol=symbol, qty=quantity, client_order_id=name, **more)
        return True

    def _held(self) -> str:
        held = sorted(self._admin.book()["positions"])
        return self._dice.choice(held) if held else ""

    def _has_open_order(self, book: Any, symbol: str) -> bool:
        return any(row["symbol"] == symbol and row["status"] in ("new", "accepted", "partially_filled")
                   for row in book["orders"])  # fmt: skip
