"""Form 8949: the lines of a year, with the code and amount of a wash sale, and what is not known said."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from core.form_8949 import COLUMNS, form_8949
from core.orders import Fill, Side
from core.tax_lots import LotTracker


def tracked(*trades: tuple[str, Side, int, str]) -> LotTracker:
    lots = LotTracker()
    for number, (day, side, quantity, price) in enumerate(trades):
        at = datetime.fromisoformat(f"{day}T15:00:00").replace(tzinfo=UTC)
        lots.add(
            Fill(
                fill_id=str(number),
                client_order_id="",
                symbol="NVDA",
                side=side,
                quantity=Decimal(quantity),
                price=Decimal(price),
                fee=Decimal(0),
                at=at,
            )
        )
    return lots


def test_a_line_adds_up_and_names_the_wash_sale() -> None:
    lots = tracked(
        ("2024-01-10", Side.BUY, 100, "10"),
        ("2024-12-20", Side.SELL, 100, "8"),
        ("2025-01-06", Side.BUY, 40, "8"),
        ("2025-02-03", Side.SELL, 50, "9"),
    )
    header, line = form_8949(lots.sales, 2024)
    assert header == COLUMNS
    assert line == (
        "I short-term", "100 sh. NVDA", "01/10/2024", "12/20/2024",
        "800.00", "1000.00", "W", "80.00", "-120.00", "",
    )  # fmt: skip
    _, unknown, replaced = form_8949(lots.sales, 2025)
    assert replaced[:4] == ("II long-term", "40 sh. NVDA", "01/06/2025", "02/03/2025")
    assert replaced[4:9] == ("360.00", "400.00", "", "", "-40.00")
    assert "held since 01/27/2024" in replaced[9]
    assert unknown[:3] == ("I short-term", "10 sh. NVDA", "")
    assert "not bought by the engine" in unknown[9]
    assert len(list(form_8949(lots.sales))) == 4
