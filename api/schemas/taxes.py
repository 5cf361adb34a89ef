"""Realised gains and tax lots as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from pydantic import Field

from api.schemas.base import TICKER, Data, ResponseSchema, example
from core.loss_sales import WINDOW, LossSale
from core.lots import ZERO, LotSale
from core.tax_lots import LotTracker

NO_ADVICE = "Computed from this engine's ledger; purchases in other accounts are not seen. This is no tax advice."


class TaxTotals(ResponseSchema):
    """What counts of a year's sales, US dollars to the cent."""

    proceeds_usd: Decimal
    basis_usd: Decimal
    disallowed_usd: Decimal = Field(description="Of losses, what purchases within 30 days disallow.")
    gain_usd: Decimal = Field(description="Proceeds less basis plus what is disallowed.")

    @classmethod
    def of_sales(cls, sales: Sequence[LotSale]) -> TaxTotals:
        """Sum sales."""
        return cls(
            proceeds_usd=sum((sale.proceeds_usd for sale in sales), ZERO),
            basis_usd=sum((sale.basis_usd for sale in sales), ZERO),
            disallowed_usd=sum((sale.disallowed_usd for sale in sales), ZERO),
            gain_usd=sum((sale.gain_usd for sale in sales), ZERO),
        )


class LotAnswer(ResponseSchema):
    """Shares of one purchase that are still held."""

    ticker: str
    quantity: Decimal
    acquired: date
    held_since: date = Field(description="Earlier than `acquired` where it replaced shares sold at a loss.")
    basis_usd: Decimal


class OpenLossAnswer(ResponseSchema):
    """A loss that buying the ticker back would disallow."""

    ticker: str
    sold: date
    quantity: Decimal
    loss_usd: Decimal
    until: date = Field(description="The last day on which a purchase disallows it.")

    @classmethod
    def of_loss(cls, symbol: str, loss: LossSale) -> OpenLossAnswer:
        """Describe a loss."""
        return cls.of(loss, ticker=symbol, until=loss.sold + WINDOW)


class LotSaleAnswer(ResponseSchema):
    """Shares of one lot that one fill sold."""

    ticker: str = TICKER
    quantity: Decimal
    acquired: date | None = Field(description="Null where the engine did not buy them; the basis is then 0.")
    sold: date
    proceeds_usd: Decimal
    basis_usd: Decimal
    disallowed_usd: Decimal
    gain_usd: Decimal
    is_long_term: bool
    lot_id: str = Field(description="`fill_id` of the purchase, as `taxes.specific_lots` names it.")
    sale_id: str = Field(description="`fill_id` of the sale.")


class TaxesAnswer(ResponseSchema):
    """A year's realised gains, and the lots that are left."""

    model_config = example(
        year=2025, advice=NO_ADVICE, may_change_until="2026-01-30",
        short_term={"proceeds_usd": "800", "basis_usd": "1000", "disallowed_usd": "80", "gain_usd": "-120"},
        long_term={"proceeds_usd": "0", "basis_usd": "0", "disallowed_usd": "0", "gain_usd": "0"},
        sales=[], lots=[], open_losses=[], notes=[],
    )  # fmt: skip

    year: int
    advice: str
    may_change_until: date = Field(description="Until then a purchase can disallow a loss of the year.")
    short_term: TaxTotals
    long_term: TaxTotals
    sales: list[LotSaleAnswer] = Field(description="By the order they were booked in.")
    lots: list[LotAnswer]
    open_losses: list[OpenLossAnswer]
    notes: list[str] = Field(description="What of the settings has no effect.")
    data: Data

    @classmethod
    def of_year(cls, year: int, tracked: LotTracker, today: date, data: Data, notes: list[str]) -> TaxesAnswer:
        """Describe a year."""
        sales = [sale for sale in tracked.sales if sale.sold.year == year]
        losses = tracked.loss_sales(today)
        return cls(
            year=year,
            advice=NO_ADVICE,
            may_change_until=date(year, 12, 31) + WINDOW,
            short_term=TaxTotals.of_sales([sale for sale in sales if not sale.is_long_term]),
            long_term=TaxTotals.of_sales([sale for sale in sales if sale.is_long_term]),
            sales=[LotSaleAnswer.of(sale) for sale in sales],
            lots=[LotAnswer.of(lot, ticker=name) for name, lots in tracked.lots.items() for lot in lots],
            open_losses=[OpenLossAnswer.of_loss(name, loss) for name, found in losses.items() for loss in found],
            notes=notes,
            data=data,
        )
