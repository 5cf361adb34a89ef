"""The budget of a plan: it shrinks with each order approved, so that together they respect every limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from config.risk import RiskSettings
from core.money import to_decimal
from core.trading import ZERO
from core.types import Order, Portfolio, Side

UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit in US dollars, and as people read it."""

    usd: Decimal
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits of one plan.

    Attributes
    ----------
    sector : Cap or None
        Of one sector's value; None when the rule is off.
    floor_usd : Decimal
        The smallest order worth placing.
    """

    position: Cap
    exposure: Cap
    sector: Cap | None
    floor_usd: Decimal

    @classmethod
    def of(cls, settings: RiskSettings, equity: Decimal, exposure_scale: float) -> Caps:
        """Return the caps at an equity; the regime's scale reduces the exposure of the whole portfolio."""
        sizing, limits = settings.position_sizing, settings.portfolio_limits
        exposure_usd = share_of(equity, limits.max_exposure_pct) * to_decimal(exposure_scale)
        return cls(
            position=Cap(share_of(equity, sizing.max_position_pct), f"{sizing.max_position_pct:.3%}"),
            exposure=Cap(exposure_usd, f"{limits.max_exposure_pct * exposure_scale:.3%}"),
            sector=_share_cap(equity, limits.max_sector_pct),
            floor_usd=max(
                share_of(equity, sizing.min_position_pct or 0.0), to_decimal(limits.min_order_usd or 0.0)
            ),
        )


def share_of(equity: Decimal, fraction: float) -> Decimal:
    """Return a fraction of the equity, US dollars."""
    return equity * to_decimal(fraction)


def _share_cap(equity: Decimal, fraction: float | None) -> Cap | None:
    return None if fraction is None else Cap(share_of(equity, fraction), f"{fraction:.3%}")


@dataclass(slots=True, kw_only=True)
class Budget:
    """The portfolio as it would stand if all that is pending and approved were bought and nothing were sold.

    A sale frees cash, exposure and its place only once it has filled: until then nobody knows that it will;
    unless the settings spend pending sales.

    Attributes
    ----------
    cash : Decimal
        Less what pending and approved buys cost, US dollars.
    invested : Decimal
        Value of positions, pending and approved buys.
    names : set of str
        Symbols held or being bought.
    busy : set of str
        Symbols with an order under way.
    trades : int
        Orders approved in this session so far.
    """

    equity: Decimal
    cash: Decimal
    cost_rate: Decimal
    invested: Decimal
    sectors: dict[str, Decimal]
    sector_of: Mapping[str, str]
    names: set[str]
    busy: set[str]
    trades: int
    spend_pending_sales: bool = False

    @classmethod
    def of(
        cls,
        portfolio: Portfolio,
        sector_of: Mapping[str, str],
        cost_rate: Decimal,
        *,
        spend_pending_sales: bool = False,
    ) -> Budget:
        """Return the budget of the marked portfolio and its pending orders."""
        budget = cls(
            equity=portfolio.equity,
            cash=portfolio.cash,
            cost_rate=cost_rate,
            invested=ZERO,
            sectors={},
            sector_of=sector_of,
            names=set(),
            busy={order.symbol for order in portfolio.pending},
            trades=portfolio.trades_today,
            spend_pending_sales=spend_pending_sales,
        )
        for position in portfolio.positions.values():
            budget._hold(position.symbol, position.value)
        for order in portfolio.pending:
            if order.side is Side.BUY:
                budget._buy(order)
        return budget

    def sector(self, symbol: str) -> str:
        """Return a symbol's sector; symbols of no sector share one."""
        return self.sector_of.get(symbol, UNCLASSIFIED)

    def sector_value(self, symbol: str) -> Decimal:
        """Return what is invested in a symbol's sector, US dollars."""
        return self.sectors.get(self.sector(symbol), ZERO)

    def cost_of(self, notional: Decimal) -> Decimal:
        """Return what buying for `notional` takes from the cash, costs included, US dollars."""
        return notional * (1 + self.cost_rate)

    def headroom(self, symbol: str, caps: Caps) -> Decimal:
        """Return the largest buy of `symbol` that exposure, sector and cash still allow, US dollars."""
        left = min(caps.exposure.usd - self.invested, self.cash / (1 + self.cost_rate))
        return left if caps.sector is None else min(left, caps.sector.usd - self.sector_value(symbol))

    def approve(self, order: Order, *, whole: bool = True) -> None:
        """Take an approved order out of the budget; `whole` where a sell leaves nothing of the position."""
        self.busy.add(order.symbol)
        self.trades += 1
        if order.side is Side.BUY:
            self._buy(order)
        elif self.spend_pending_sales:
            self._free(order, whole=whole)

    def _free(self, order: Order, *, whole: bool) -> None:
        notional = order.quantity * order.reference_price
        self.cash += notional * (1 - self.cost_rate)
        self.invested -= notional
        self.sectors[self.sector(order.symbol)] -= notional
        if whole:
            self.names.discard(order.symbol)

    def _buy(self, order: Order) -> None:
        notional = order.quantity * order.reference_price
        self.cash -= self.cost_of(notional)
        self._hold(order.symbol, notional)

    def _hold(self, symbol: str, value: Decimal) -> None:
        self.invested += value
        self.sectors[self.sector(symbol)] = self.sector_value(symbol) + value
        self.names.add(symbol)
