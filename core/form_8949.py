"""Sales of tax lots as the lines of Form 8949 (Sales and Other Dispositions of Capital Assets). No tax advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from core.lots import LotSale

WASH_SALE_CODE = "W"
COLUMNS = (
    "Part", "(a) Description of property", "(b) Date acquired", "(c) Date sold or disposed of", "(d) Proceeds",
    "(e) Cost or other basis", "(f) Code", "(g) Amount of adjustment", "(h) Gain or (loss)",
    "Note (computed from the engine's ledger, no tax advice)",
)  # fmt: skip
PARTS = {False: "I short-term", True: "II long-term"}


def form_8949(sales: Sequence[LotSale], year: int | None = None) -> Iterator[tuple[str, ...]]:
    """Yield the header and one line a sale, short-term ones first, by date sold; of one year where one is given.

    A line's gain is proceeds less basis plus adjustment, as the form has it.
    """
    yield COLUMNS
    wanted = [sale for sale in sales if year is None or sale.sold.year == year]
    for sale in sorted(wanted, key=lambda sale: (sale.is_long_term, sale.sold)):
        yield (
            PARTS[sale.is_long_term],
            f"{sale.quantity.normalize():f} sh. {sale.symbol}",
            _day(sale.acquired),
            _day(sale.sold),
            f"{sale.proceeds_usd:.2f}",
            f"{sale.basis_usd:.2f}",
            WASH_SALE_CODE if sale.disallowed_usd else "",
            f"{sale.disallowed_usd:.2f}" if sale.disallowed_usd else "",
            f"{sale.gain_usd:.2f}",
            _note(sale),
        )


def _day(day: date | None) -> str:
    return f"{day:%m/%d/%Y}" if day else ""


def _note(sale: LotSale) -> str:
    if sale.acquired is None:
        return "not bought by the engine: date and basis are not known, the basis is taken as 0"
    if sale.held_since != sale.acquired:
        return f"replaced shares sold at a loss: held since {_day(sale.held_since)} for the term"
    return ""
